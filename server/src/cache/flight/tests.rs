use super::super::inflow::WINDOW_BYTES;
use super::*;
use spinel_storage::DbIndex;
use spinel_types::http_cache::Lost;
use std::io;
use std::task::Context;

fn name_at(url: &str) -> Name {
    let subject = Subject { db: DbIndex(0), key: (*b"a").into(), url: url.as_bytes().into() };
    Name { subject, selector: Box::default() }
}

fn name() -> Name {
    name_at("http://origin/a")
}

fn pilot(flights: &Arc<Flights>) -> Pilot {
    match flights.join(name(), Epoch::default()) {
        Ticket::Pilot(pilot) => pilot,
        Ticket::Passenger(_) => panic!("somebody fetches it already"),
    }
}

fn passenger(flights: &Arc<Flights>) -> Arc<Flight> {
    match flights.join(name(), Epoch::default()) {
        Ticket::Passenger(flight) => flight,
        Ticket::Pilot(_) => panic!("nobody fetches it"),
    }
}

fn head() -> Arc<Head> {
    Arc::new(Head { variant: Variant::default(), length: None })
}

fn next(reader: &mut Reader) -> Poll<Option<Result<Bytes, io::ErrorKind>>> {
    let next = reader.poll_next(&mut Context::from_waker(Waker::noop()));
    next.map_err(|error| error.kind())
}

fn piece(byte: u8, count: usize) -> Bytes {
    vec![byte; count].into()
}

#[test]
fn who_comes_late_reads_from_the_beginning() {
    let flights = Arc::<Flights>::default();
    let pilot = pilot(&flights);
    pilot.begin(head());
    pilot.add(piece(1, 1));
    let mut reader = passenger(&flights).read().expect("it has begun");
    assert_eq!(next(&mut reader), Poll::Ready(Some(Ok(piece(1, 1)))));
    assert_eq!(next(&mut reader), Poll::Pending);
    pilot.add(piece(2, 1));
    assert_eq!(*pilot.body(&[3]), [1, 2, 3]);
    let flight = passenger(&flights);
    pilot.end_body(true);
    assert_eq!(next(&mut reader), Poll::Ready(Some(Ok(piece(2, 1)))));
    assert_eq!(next(&mut reader), Poll::Ready(None));
    let mut late = flight.read().expect("all of it is kept");
    assert_eq!(next(&mut late), Poll::Ready(Some(Ok(piece(1, 1)))));
    assert!(
        matches!(flights.join(name(), Epoch::default()), Ticket::Pilot(_)),
        "nobody joins what has ended"
    );
}

#[test]
fn what_is_dropped_is_abandoned_or_cut() {
    let flights = Arc::<Flights>::default();
    let first = pilot(&flights);
    let flight = passenger(&flights);
    drop(first);
    assert!(matches!(flight.lock().stage, Stage::Abandoned));
    let second = pilot(&flights);
    second.begin(head());
    let mut reader = second.flight().read().expect("it has begun");
    drop(second);
    assert_eq!(next(&mut reader), Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof))));
    assert!(matches!(flights.join(name(), Epoch::default()), Ticket::Pilot(_)));
}

#[test]
fn what_is_outdated_is_joined_by_nobody() {
    let flights = Arc::<Flights>::default();
    let former = pilot(&flights);
    flights.outdate((DbIndex(0), b"b"));
    flights.outdate((DbIndex(1), b"a"));
    assert!(!former.is_outdated());
    flights.outdate((DbIndex(0), b"a"));
    assert!(former.is_outdated());
    let other = flights.join(name_at("http://other/a"), Epoch::default());
    let Ticket::Pilot(elsewhere) = other else { panic!("nobody fetches it from there") };
    flights.outdate((DbIndex(0), b"a"));
    assert!(elsewhere.is_outdated(), "wherever it comes from");
    let later = pilot(&flights);
    drop(former);
    assert!(!later.is_outdated());
    passenger(&flights);
}

#[test]
fn what_is_too_large_is_kept_for_the_slowest_only() {
    let flights = Arc::<Flights>::default();
    let mut pilot = pilot(&flights);
    pilot.begin(head());
    pilot.add(piece(1, WINDOW_BYTES / 2));
    let flight = passenger(&flights);
    let (mut one, mut other) = (flight.read().expect("begun"), flight.read().expect("begun"));
    pilot.give_up_storing();
    assert!(matches!(flights.join(name(), Epoch::default()), Ticket::Pilot(_)), "nobody joins");
    pilot.add(piece(2, WINDOW_BYTES / 2));
    assert_eq!(next(&mut one), Poll::Ready(Some(Ok(piece(1, WINDOW_BYTES / 2)))));
    assert_eq!(flight.lock().body.kept_bytes(), WINDOW_BYTES, "the other has not read it");
    let room = |pilot: &Pilot| {
        let mut room = std::pin::pin!(pilot.room());
        room.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    };
    assert_eq!(room(&pilot), Poll::Pending);
    assert_eq!(next(&mut other), Poll::Ready(Some(Ok(piece(1, WINDOW_BYTES / 2)))));
    assert_eq!(flight.lock().body.kept_bytes(), WINDOW_BYTES / 2);
    assert_eq!(room(&pilot), Poll::Ready(true));
    assert!(flight.read().is_none(), "its beginning is gone");
    drop((one, other));
    assert_eq!(room(&pilot), Poll::Ready(false));
    pilot.end_body(true);
}

/// A file that is not one.
struct Written(Mutex<Vec<u8>>);

impl Opened for Written {
    fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Lost> {
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let part = written.get(offset as usize..).and_then(|rest| rest.get(..bytes.len()));
        part.map(|part| bytes.copy_from_slice(part)).ok_or(Lost)
    }

    fn is_sound(&self) -> bool {
        true
    }
}

/// What a reader gets until he would have to wait for more.
async fn all(reader: &mut Reader) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let piece = poll_fn(|context| match reader.poll_next(context) {
            Poll::Pending if reader.reading.is_some() => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
            piece @ Poll::Ready(_) => piece,
        });
        match piece.await {
            Some(Ok(piece)) => bytes.extend_from_slice(&piece),
            Some(Err(error)) => panic!("{error}"),
            None => return bytes,
        }
    }
}

#[test]
fn what_goes_to_a_file_is_read_from_there_by_who_lags_behind() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("there are threads");
    runtime.block_on(async {
        let flights = Arc::<Flights>::default();
        let mut pilot = pilot(&flights);
        pilot.begin(head());
        let file = Arc::new(Written(Mutex::default()));
        let (mut kept, mut lagging) = (pilot.flight().read().expect("begun"), None);
        let (mut expected, mut read) = (Vec::new(), Vec::new());
        for number in 0..64 {
            pilot.add(piece(number, WINDOW_BYTES / 8 + usize::from(number)));
            expected.extend_from_slice(&piece(number, WINDOW_BYTES / 8 + usize::from(number)));
            if number == 3 {
                pilot.write_to(Arc::clone(&file) as Arc<dyn Opened>);
                lagging = pilot.flight().read();
            }
            if number >= 3 && number % 3 == 0 {
                let pieces = pilot.unwritten();
                file.0.lock().expect("nobody panics").extend(pieces.concat());
                pilot.note_written(pieces.len());
            }
            read.extend(all(&mut kept).await);
            assert!(read == expected, "{number}");
            assert!(flights.bytes() < 2 * WINDOW_BYTES as u64, "{number}");
            if number == 40 {
                // It comes to nothing, and who reads it goes on.
                pilot.give_up_storing();
                break;
            }
        }
        let mut lagging = lagging.expect("it had begun");
        pilot.add(piece(1, 10));
        pilot.end_body(true);
        expected.extend_from_slice(&piece(1, 10));
        assert!(all(&mut lagging).await == expected);
        drop((lagging, kept));
        assert_eq!(flights.bytes(), 0);
    });
}

#[test]
fn memory_of_all_that_is_under_way_is_counted() {
    let flights = Arc::<Flights>::default();
    let (one, mut other) = (pilot(&flights), flights.alone(Epoch::default()));
    assert!(one.claim(60, 100) && !other.claim(41, 100) && other.claim_more(40, 100));
    assert_eq!(flights.bytes(), 100);
    one.add(piece(1, 50));
    assert!(one.claim_more(10, 100) && !one.claim_more(11, 100));
    other.add(piece(1, 40));
    other.give_up_storing();
    assert_eq!(flights.bytes(), 60, "nobody reads it");
    drop(one);
    assert_eq!(flights.bytes(), 0);
}
