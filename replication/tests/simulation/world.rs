//! Servers, wires, and what happens to them.

use super::random::Random;
use super::server::{Data, Server, Wish};
use super::wire::{Pipe, Wire};
use std::collections::HashMap;

const SERVERS: usize = 3;
/// How far the clock goes at a time.
const STEP_MS: u64 = 20;
/// How long things happen.
const TROUBLE_MS: u64 = 8_000;
/// How long everybody has then to hold the same.
const PATIENCE_MS: u64 = 60_000;

/// How often what happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) full: u64,
    pub(crate) partial: u64,
    pub(crate) takeovers: u64,
    pub(crate) crashes: u64,
    pub(crate) cuts: u64,
    pub(crate) writes: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Counts) {
        self.full += other.full;
        self.partial += other.partial;
        self.takeovers += other.takeovers;
        self.crashes += other.crashes;
        self.cuts += other.cuts;
        self.writes += other.writes;
    }
}

pub(crate) struct World {
    seed: u64,
    random: Random,
    now_ms: u64,
    servers: Vec<Server>,
    wires: Vec<Wire>,
    last_key: u64,
    /// What the data is at each place of each stream.
    known: HashMap<(String, u64), Data>,
    counts: Counts,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let mut servers: Vec<Server> = (0..SERVERS).map(|_| Server::new(&mut random)).collect();
        // Whoever was copied by others before it was a copy has a stream to go on with.
        servers[1].follow(0, &mut random);
        let upstream = random.below(2) as usize;
        servers[2].follow(upstream, &mut random);
        World {
            seed,
            random,
            now_ms: 0,
            servers,
            wires: Vec::new(),
            last_key: 0,
            known: HashMap::new(),
            counts: Counts::default(),
        }
    }

    pub(crate) fn run(mut self) -> Counts {
        while self.now_ms < TROUBLE_MS {
            self.trouble();
            self.step();
        }
        // From now on nothing happens but what has to.
        let primary = (0..SERVERS).find(|number| self.servers[*number].link.is_none());
        let primary = primary.unwrap_or_else(|| {
            self.take_over(0);
            0
        });
        for number in (0..SERVERS).filter(|number| *number != primary) {
            let is_astray = self.servers[number].link.is_none() || self.leads_nowhere(number);
            if is_astray {
                self.follow(number, primary);
            }
        }
        self.servers[primary].write(&mut self.random);
        let until = self.now_ms + PATIENCE_MS;
        while !self.is_quiet(primary) {
            assert!(self.now_ms < until, "seed {}: {}", self.seed, self.portrait());
            self.step();
        }
        for server in &self.servers {
            (self.counts.full, self.counts.partial) =
                (self.counts.full + server.full, self.counts.partial + server.partial);
        }
        self.counts
    }

    /// Whether the servers that one copies copy each other in a circle.
    fn leads_nowhere(&self, mut number: usize) -> bool {
        for _ in 0..SERVERS {
            if self.servers[number].link.is_none() {
                return false;
            }
            number = self.servers[number].upstream;
        }
        true
    }

    fn is_quiet(&self, primary: usize) -> bool {
        let leader = &self.servers[primary];
        self.servers.iter().all(|server| server.data == leader.data && !server.is_loading())
    }

    fn portrait(&self) -> String {
        let told = |(number, server): (usize, &Server)| {
            let status = server.link.as_ref().map(|link| (link.status(), server.upstream));
            format!("{number}: {:?} at {:?}, {status:?}", server.data, server.position())
        };
        self.servers.iter().enumerate().map(told).collect::<Vec<_>>().join("; ")
    }

    /// What may happen at any time.
    fn trouble(&mut self) {
        let number = self.random.below(SERVERS as u64) as usize;
        if self.servers[number].link.is_none() {
            for _ in 0..self.random.below(4) {
                self.servers[number].write(&mut self.random);
                self.counts.writes += 1;
                self.look(number);
            }
            if self.random.chance(5) {
                self.servers[number].ping();
            }
        }
        if self.random.chance(3) && !self.wires.is_empty() {
            let which = self.random.below(self.wires.len() as u64) as usize;
            self.counts.cuts += 1;
            self.cut(which);
        }
        match self.random.below(1000) {
            0..4 => {
                self.counts.crashes += 1;
                self.crash(number);
            }
            4..10 => self.take_over(number),
            10..20 => {
                let other = self.random.below(SERVERS as u64) as usize;
                if other != number {
                    self.follow(number, other);
                }
            }
            _ => {}
        }
    }

    /// A server begins anew, with nothing, copying whom it copied.
    fn crash(&mut self, number: usize) {
        let (was_copy, upstream) = (self.servers[number].link.is_some(), self.servers[number].upstream);
        self.close_all(number);
        let counts = (self.servers[number].full, self.servers[number].partial);
        self.servers[number] = Server::new(&mut self.random);
        (self.servers[number].full, self.servers[number].partial) = counts;
        if was_copy {
            self.servers[number].follow(upstream, &mut self.random);
        }
    }

    fn take_over(&mut self, number: usize) {
        // Who is loading a snapshot finishes that first.
        if self.servers[number].link.is_some() && !self.servers[number].is_loading() {
            self.counts.takeovers += 1;
            self.close_upstream(number);
            let closed = self.servers[number].lead(&mut self.random);
            self.close(&closed);
        }
    }

    fn follow(&mut self, number: usize, upstream: usize) {
        if !self.servers[number].is_loading() {
            self.close_upstream(number);
            let closed = self.servers[number].follow(upstream, &mut self.random);
            self.close(&closed);
        }
    }

    /// Everybody does what there is to do, and time goes on.
    fn step(&mut self) {
        for number in 0..SERVERS {
            self.act(number);
            self.look(number);
        }
        let mut number = 0;
        while number < self.wires.len() {
            let wire = &mut self.wires[number];
            let stays = !wire.is_cut && self.servers[wire.primary].serve(wire, self.now_ms, &mut self.random);
            if stays { number += 1 } else { self.cut(number) }
        }
        self.now_ms += STEP_MS;
    }

    fn act(&mut self, number: usize) {
        let mut wire = self.wires.iter_mut().find(|wire| wire.replica == number);
        let (wishes, closed) = self.servers[number].act(self.now_ms, &mut wire, &mut self.random);
        self.close(&closed);
        for wish in wishes {
            self.close_upstream(number);
            if matches!(wish, Wish::Connect) {
                self.connect(number);
            }
        }
    }

    fn connect(&mut self, number: usize) {
        let primary = self.servers[number].upstream;
        let is_reached = self.random.chance(90);
        let Some(link) = self.servers[number].link.as_mut() else { return };
        if !is_reached {
            link.lost("Connection refused", self.now_ms);
            return;
        }
        link.connected(self.now_ms);
        self.last_key += 1;
        self.servers[primary].accept(self.last_key);
        self.wires.push(Wire {
            key: self.last_key,
            primary,
            replica: number,
            up: Pipe::default(),
            down: Pipe::default(),
            is_cut: false,
        });
    }

    /// Cuts a wire: both ends notice.
    fn cut(&mut self, which: usize) {
        let wire = self.wires.remove(which);
        self.servers[wire.primary].forget(wire.key);
        if let Some(link) = &mut self.servers[wire.replica].link {
            link.lost("Connection reset by peer", self.now_ms);
        }
    }

    /// Ends the wires of these replicas.
    fn close(&mut self, keys: &[u64]) {
        self.wires.iter_mut().filter(|wire| keys.contains(&wire.key)).for_each(|wire| wire.is_cut = true);
    }

    fn close_upstream(&mut self, number: usize) {
        self.wires.retain(|wire| {
            if wire.replica == number {
                self.servers[wire.primary].forget(wire.key);
            }
            wire.replica != number
        });
    }

    fn close_all(&mut self, number: usize) {
        self.close_upstream(number);
        while let Some(which) = self.wires.iter().position(|wire| wire.primary == number) {
            self.cut(which);
        }
    }

    /// Whoever is at the same place of the same stream holds the same.
    fn look(&mut self, number: usize) {
        let server = &self.servers[number];
        let Some(position) = server.position() else { return };
        let place = (position.id.to_string(), position.offset);
        let known = *self.known.entry(place).or_insert(server.data);
        assert_eq!(
            known,
            server.data,
            "seed {}: server {number} at {position:?}; {}",
            self.seed,
            self.portrait()
        );
    }
}
