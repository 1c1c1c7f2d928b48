//! The replica's side of a link against any primary: how bytes are cut changes nothing, and little memory is taken.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_replication::{Action, Credentials, Link, LinkOptions, Position, ReplicationId};

/// What a buffer may have without need, and what a unit that is cut off may take.
const MEMORY_MAX: usize = 2 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, input)) = data.split_first() else {
        return;
    };
    let options = LinkOptions {
        credentials: (choice & 1 != 0).then(|| Credentials { user: None, password: b"secret".to_vec() }),
        announced_address: (choice & 2 != 0).then(|| "::1".to_owned()),
        unit_bytes_max: if choice & 4 == 0 { 64 } else { 4 << 30 },
        ..LinkOptions::default()
    };
    let id = ReplicationId::from_bytes([0xaa; 20]);
    let position = (choice & 8 != 0).then_some(Position { id, offset: 1000 });
    // Most of what a fuzzer makes would not get beyond the greeting.
    let greeting: &[u8] = if choice & 16 == 0 { b"" } else { b"+PONG\r\n+OK\r\n+OK\r\n" };
    let input = [greeting, input].concat();

    let whole = play(&options, position, &input, input.len().max(1));
    assert_eq!(whole, play(&options, position, &input, 1 + usize::from(choice >> 5)));
    assert_eq!(whole, play(&options, position, &input, 13));
});

/// What a link says and hands out until it ends, as bytes behind a letter for each kind.
fn play(options: &LinkOptions, position: Option<Position>, input: &[u8], piece: usize) -> Vec<u8> {
    let mut link = Link::new(options.clone(), position, 1);
    let (mut said, mut last) = (Vec::new(), 0);
    assert!(matches!(link.next(0), Some(Action::Connect)));
    link.connected(0);
    let mut rest = input;
    loop {
        let (mut is_loaded, mut is_over) = (false, false);
        while let Some(action) = link.next(0) {
            let (kind, bytes) = match &action {
                Action::Send(bytes) => (b's', bytes.to_vec()),
                Action::Snapshot(bytes) => (b'b', bytes.to_vec()),
                Action::Filler(bytes) => (b'f', bytes.to_vec()),
                Action::Unit(unit) => {
                    let commands = unit.commands().flat_map(|command| command.words()).flatten();
                    (b'u', [unit.bytes(), &commands.copied().collect::<Vec<_>>()].concat())
                }
                Action::SnapshotEnds => {
                    is_loaded = true;
                    (b'l', Vec::new())
                }
                Action::Close(failure) => {
                    is_over = true;
                    (b'c', failure.to_string().into_bytes())
                }
                other => (b'o', format!("{other:?}").into_bytes()),
            };
            // Pieces of a snapshot, and what is sent, may come in one or in many.
            if kind != last || !matches!(kind, b'b' | b's') {
                said.push(kind);
            }
            last = kind;
            said.extend_from_slice(&bytes);
            if is_loaded || is_over {
                break;
            }
        }
        assert!(link.memory() <= MEMORY_MAX + 4 * input.len());
        if is_over {
            return said;
        }
        if is_loaded {
            link.loaded(0);
            continue;
        }
        if rest.is_empty() {
            let position = link.position().map_or(0, |position| position.offset);
            said.extend_from_slice(&position.to_le_bytes());
            return said;
        }
        let room = link.room();
        let count = room.len().min(piece).min(rest.len());
        room[..count].copy_from_slice(&rest[..count]);
        link.received(count, 0);
        rest = &rest[count..];
    }
}
