//! Short lives of servers, cut and disturbed at every single call.

use crate::machine::{Act, Machine};
use spinel_persistence::vfs::Fault;

/// Syncs, rewrites, and what follows them.
const REWRITE: [Act; 14] = [
    Act::Append(3),
    Act::Sync,
    Act::Append(2),
    Act::Begin,
    Act::Append(2),
    Act::Sync,
    Act::Append(1),
    Act::Finish,
    Act::Append(2),
    Act::Sync,
    Act::RemoveHistory,
    Act::Append(2),
    Act::Begin,
    Act::Finish,
];

/// A rewrite that is given up, and a close.
const ABANDON: [Act; 8] = [
    Act::Append(2),
    Act::Begin,
    Act::Append(2),
    Act::Abandon,
    Act::Append(1),
    Act::Begin,
    Act::Finish,
    Act::Close,
];

/// A log that begins anew.
const FRESH: [Act; 8] = [
    Act::Append(4),
    Act::Sync,
    Act::Fresh,
    Act::Append(2),
    Act::Sync,
    Act::Finish,
    Act::Append(2),
    Act::Sync,
];

/// How often each way of losing what is not durable is tried.
const SEEDS: u64 = 8;

/// Lives, with faults at calls counted from the start. Returns how many calls there were.
fn live(seed: u64, acts: &[Act], faults: &[(u64, Fault)]) -> (Machine, u64) {
    let mut machine = Machine::new(seed);
    for (call, fault) in faults {
        machine.vfs.fail_call(*call, *fault);
    }
    machine.is_disturbed = !faults.is_empty();
    machine.restart();
    for act in acts {
        if !machine.can_go_on() {
            break;
        }
        let outcome = machine.take(*act);
        assert!(outcome.is_ok() || machine.is_disturbed, "{act:?}: {outcome:?}");
    }
    let calls = machine.vfs.calls();
    machine.vfs.forget_faults();
    machine.is_disturbed = false;
    (machine, calls)
}

/// Starts again, writes a little, starts again.
fn prove_alive(machine: &mut Machine) {
    assert!(machine.restart());
    for act in [Act::Append(2), Act::Sync, Act::Begin, Act::Append(1), Act::Finish, Act::RemoveHistory] {
        machine.take(act).unwrap();
    }
    machine.vfs.cut_power();
    assert!(machine.restart());
}

#[test]
fn the_power_may_go_at_any_call() {
    for acts in [&REWRITE[..], &ABANDON, &FRESH] {
        let (_, calls) = live(0, acts, &[]);
        for (call, seed) in (0..calls).flat_map(|call| (0..SEEDS).map(move |seed| (call, seed))) {
            let (mut machine, _) = live(seed, acts, &[(call, Fault::PowerCut)]);
            prove_alive(&mut machine);
        }
    }
}

#[test]
fn the_power_may_go_while_a_server_recovers() {
    for acts in [&REWRITE[..], &ABANDON, &FRESH] {
        let (_, calls) = live(0, acts, &[]);
        for (call, again) in (0..calls).flat_map(|call| (0..24).map(move |again| (call, again))) {
            let (mut machine, _) = live(call + again, acts, &[(call, Fault::PowerCut)]);
            machine.vfs.fail_call(again, Fault::PowerCut);
            machine.restart();
            machine.vfs.forget_faults();
            machine.vfs.cut_power();
            prove_alive(&mut machine);
        }
    }
}

#[test]
fn any_call_may_fail() {
    for acts in [&REWRITE[..], &ABANDON, &FRESH] {
        let (_, calls) = live(0, acts, &[]);
        (0..calls).for_each(|call| fail(acts, call));
    }
}

/// What a call that failed left may be known to the kernel only when the server starts again.
#[test]
fn the_power_may_go_while_a_server_recovers_from_an_error() {
    for acts in [&REWRITE[..], &ABANDON, &FRESH] {
        let (_, calls) = live(0, acts, &[]);
        for (call, again) in (0..calls).flat_map(|call| (0..40).map(move |again| (call, again))) {
            let (mut machine, _) = live(call * 40 + again, acts, &[(call, Fault::Error(5))]);
            machine.vfs.fail_call(again, Fault::PowerCut);
            machine.restart();
            machine.vfs.forget_faults();
            machine.vfs.cut_power();
            prove_alive(&mut machine);
        }
    }
}

/// Lets a call fail in every way, and ends with a power cut or without.
fn fail(acts: &[Act], call: u64) {
    for (fault, seed) in [Fault::Error(5), Fault::Error(28), Fault::Short].into_iter().zip(0..) {
        let (mut killed, _) = live(seed, acts, &[(call, fault)]);
        prove_alive(&mut killed);
        let (mut cut, _) = live(seed, acts, &[(call, fault)]);
        cut.vfs.cut_power();
        prove_alive(&mut cut);
    }
}

/// The power goes at any call after any call failed.
#[test]
fn an_error_and_a_power_cut_may_come_together() {
    for acts in [&REWRITE[..], &ABANDON, &FRESH] {
        let (_, calls) = live(0, acts, &[]);
        for error in 0..calls {
            for cut in error + 1..calls {
                let faults = [(error, Fault::Error(5)), (cut, Fault::PowerCut)];
                let (mut machine, _) = live(error * 1000 + cut, acts, &faults);
                prove_alive(&mut machine);
            }
        }
    }
}
