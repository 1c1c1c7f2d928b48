//! Lives of servers by chance: `SPINEL_CRASH_ROUNDS` says how many.

use crate::machine::{Act, Machine};
use spinel_persistence::vfs::Fault;

const ROUNDS: u64 = 3000;

#[test]
fn nothing_durable_is_lost_in_any_life() {
    let rounds = std::env::var("SPINEL_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let mut places = 0;
    for seed in 0..rounds.unwrap_or(ROUNDS) {
        let outcome = std::panic::catch_unwind(|| live(seed));
        places += outcome.unwrap_or_else(|_| panic!("round {seed}"));
    }
    assert!(places > 0, "servers that stopped have said where in a stream they were");
}

/// A few starts of a server, each ended by a crash. How often it knew where in a stream its data stands.
fn live(seed: u64) -> u64 {
    let mut machine = Machine::new(seed);
    for _ in 0..4 {
        if machine.random.one_in(3) {
            let call = machine.random.below(20);
            machine.vfs.fail_call(call, Fault::PowerCut);
        }
        while !machine.restart() {}
        machine.vfs.forget_faults();
        work(&mut machine);
    }
    machine.vfs.forget_faults();
    assert!(machine.restart());
    machine.places_found
}

/// Does what servers do, with trouble, until the power goes off, the process is killed or the server stops.
fn work(machine: &mut Machine) {
    let always = machine.random.one_in(2);
    for _ in 0..machine.random.below(40) {
        disturb(machine);
        let act = choose(machine);
        let _ = machine.take(act);
        if always && matches!(act, Act::Append(_)) {
            let _ = machine.take(Act::Sync);
        }
        if !machine.can_go_on() {
            break;
        }
    }
    machine.vfs.forget_faults();
    if !machine.vfs.is_off() && machine.random.one_in(2) {
        machine.vfs.cut_power();
    }
}

fn disturb(machine: &mut Machine) {
    let fault = match machine.random.below(40) {
        0 => Fault::PowerCut,
        1 | 2 => Fault::Error(5),
        3 | 4 => Fault::Error(28),
        5..8 => Fault::Short,
        _ => return,
    };
    let call = machine.random.below(12);
    machine.vfs.fail_call(call, fault);
}

fn choose(machine: &mut Machine) -> Act {
    match machine.random.below(20) {
        0..10 => Act::Append(1 + machine.random.below(4)),
        10..13 => Act::Sync,
        13 | 14 => Act::Begin,
        15 | 16 => Act::Finish,
        17 => Act::RemoveHistory,
        18 => Act::Abandon,
        _ => match machine.random.below(8) {
            0 => Act::Fresh,
            1 => Act::Close,
            _ => Act::Sync,
        },
    }
}
