//! Toy programs: how many orders they have is known, and what they come to can be compared.

use std::collections::BTreeSet;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;

/// A move of a toy program. Each process has one register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Toy {
    /// Loads a variable.
    Read(usize),
    /// Stores the register, plus something.
    Write(usize, i64),
    Lock(usize),
    Unlock(usize),
}

impl Move for Toy {
    fn depends_on(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Read(_), Self::Read(_)) => false,
            (Self::Read(one) | Self::Write(one, _), Self::Read(other) | Self::Write(other, _)) => {
                one == other
            }
            (Self::Lock(one) | Self::Unlock(one), Self::Lock(other) | Self::Unlock(other)) => one == other,
            _ => false,
        }
    }
}

/// The same, with a mistake: that a read and a write of one variable can be exchanged.
#[derive(Debug, Clone, Copy)]
struct Mistaken(Toy);

impl Move for Mistaken {
    fn depends_on(&self, other: &Self) -> bool {
        let is_read = |toy: &Toy| matches!(toy, Read(_));
        is_read(&self.0) == is_read(&other.0) && self.0.depends_on(&other.0)
    }
}

type Program = Vec<Vec<Toy>>;

/// What a run comes to: variables and registers; `None` if all wait for each other.
type Outcome = Option<(Vec<i64>, Vec<i64>)>;

fn run<M: Move>(
    program: &Program,
    schedule: &mut Schedule<M>,
    made_of: impl Fn(Toy) -> M,
) -> Option<Outcome> {
    let mut variables = vec![0; 3];
    let mut locks = [None; 3];
    let mut registers: Vec<i64> = (0..program.len()).map(|process| process as i64 * 10).collect();
    let mut at = vec![0; program.len()];
    loop {
        let next = |process: usize| Some((process, *program[process].get(at[process])?));
        let left: Vec<_> = (0..program.len()).filter_map(next).collect();
        if left.is_empty() {
            return Some(Some((variables, registers)));
        }
        let can = |(process, toy): &(usize, Toy)| match toy {
            Lock(lock) => locks[*lock].is_none_or(|owner| owner == *process),
            _ => true,
        };
        let ready: Vec<_> =
            left.into_iter().filter(can).map(|(process, toy)| (process, made_of(toy))).collect();
        if ready.is_empty() {
            return Some(None);
        }
        let process = schedule.choose(&ready)?;
        match program[process][at[process]] {
            Read(variable) => registers[process] = variables[variable],
            Write(variable, more) => variables[variable] = registers[process] + more,
            Lock(lock) => locks[lock] = Some(process),
            Unlock(lock) => locks[lock] = None,
        }
        at[process] += 1;
    }
}

/// What there is to come to, in how many runs that were not redundant, and with how many preemptions each was found.
fn explore<M: Move>(
    program: &Program,
    rule: Rule,
    made_of: impl Fn(Toy) -> M + Copy,
) -> (BTreeSet<Outcome>, usize, Vec<u32>) {
    let mut explorer = Explorer::new(rule);
    let mut outcomes = BTreeSet::new();
    let (mut runs, mut preemptions) = (0, vec![]);
    while let Some(mut schedule) = explorer.next() {
        if let Some(outcome) = run(program, &mut schedule, made_of) {
            runs += 1;
            outcomes.insert(outcome);
            preemptions.push(schedule.preemptions());
        }
        explorer.learn(schedule);
    }
    assert_eq!(explorer.left(), 0, "{program:?}");
    (outcomes, runs, preemptions)
}

const ALL: Rule = Rule { preemptions: None, reduces: false, runs: 200_000 };
const REDUCED: Rule = Rule { reduces: true, ..ALL };
const SERIAL: Rule = Rule { preemptions: Some(0), ..ALL };

use Toy::{Lock, Read, Unlock, Write};

#[test]
fn each_order_is_run_once() {
    // What the processes do, all orders, those that differ in dependent moves, serial ones.
    let increase = |variable| vec![Read(variable), Write(variable, 1)];
    let cases: [(Program, usize, usize, usize); 8] = [
        (vec![vec![Write(0, 0)]], 1, 1, 1),
        (vec![vec![Write(0, 0); 2], vec![Write(0, 0); 2]], 6, 6, 2),
        (vec![vec![Write(0, 0); 3], vec![Write(0, 0); 4]], 35, 35, 2),
        (vec![vec![Write(0, 0); 2]; 3], 90, 90, 6),
        (vec![vec![Write(0, 0); 3], vec![Write(1, 0); 3]], 20, 1, 2),
        (vec![vec![Read(0); 3]; 3], 1680, 1, 6),
        // Of six orders, the two in which only the reads or only the writes of different variables are exchanged.
        (vec![increase(0), increase(0)], 6, 4, 2),
        (vec![vec![Lock(0), Write(0, 0), Unlock(0)]; 2], 2, 2, 2),
    ];
    for (program, all, reduced, serial) in cases {
        assert_eq!(explore(&program, ALL, |toy| toy).1, all, "{program:?}");
        assert_eq!(explore(&program, REDUCED, |toy| toy).1, reduced, "{program:?}");
        assert_eq!(explore(&program, SERIAL, |toy| toy).1, serial, "{program:?}");
    }
}

#[test]
fn few_switches_come_first() {
    let program = vec![vec![Read(0), Write(0, 1), Read(1), Write(1, 1)]; 3];
    for rule in [ALL, REDUCED] {
        let preemptions = explore(&program, rule, |toy| toy).2;
        // One that was asleep may make a run dearer than it looked when it was begun.
        let is_sorted = preemptions.is_sorted();
        assert!(is_sorted || rule.reduces, "{preemptions:?}");
        assert_eq!(preemptions[0], 0);
    }
}

#[test]
fn a_lost_update_is_found_with_one_preemption() {
    let program = vec![vec![Read(0), Write(0, 1)]; 2];
    let mut explorer = Explorer::new(REDUCED);
    let lost = loop {
        let mut schedule = explorer.next().unwrap();
        let outcome = run(&program, &mut schedule, |toy| toy);
        if outcome.flatten().is_some_and(|(variables, _)| variables[0] == 1) {
            break schedule;
        }
        explorer.learn(schedule);
    };
    assert_eq!(lost.preemptions(), 1);
    let again = &mut Schedule::replaying(lost.chosen().to_vec());
    assert_eq!(
        run(&program, again, |toy| toy),
        run(&program, &mut Schedule::replaying(vec![0, 1, 1, 0]), |t| t)
    );
}

#[test]
fn what_is_too_much_is_left() {
    let program = vec![vec![Write(0, 0); 8]; 3];
    let mut explorer = Explorer::new(Rule { runs: 50, ..REDUCED });
    let mut runs = 0;
    while let Some(mut schedule) = explorer.next() {
        run(&program, &mut schedule, |toy| toy);
        explorer.learn(schedule);
        assert!(explorer.frontier.len() <= 50);
        runs += 1;
    }
    assert_eq!(runs, 50);
    assert!(explorer.left() > 50);
}

fn random(seed: u64) -> Program {
    let mut lots = StdRng::seed_from_u64(seed);
    let processes = lots.random_range(2..=3);
    let mut process = |_| {
        let mut moves = vec![];
        while moves.len() < 9 / processes {
            let variable = lots.random_range(0..3);
            match lots.random_range(0..7) {
                0..3 => moves.push(Read(variable)),
                3..6 => moves.push(Write(variable, lots.random_range(0..5))),
                _ => moves.extend([Lock(variable), Write(0, 1), Unlock(variable)]),
            }
        }
        moves
    };
    (0..processes).map(&mut process).collect()
}

#[test]
fn nothing_is_lost_by_leaving_orders_out() {
    let mut saved = 0;
    for seed in 0..60 {
        let program = random(seed);
        let (all, many, _) = explore(&program, ALL, |toy| toy);
        let (some, few, _) = explore(&program, REDUCED, |toy| toy);
        assert_eq!(all, some, "seed {seed}: {program:?}");
        assert!(few <= many);
        saved += many - few;
    }
    assert!(saved > 5_000, "{saved}");
}

#[test]
fn a_wrong_idea_of_independence_is_found_out() {
    let differ = |seed: &u64| {
        let program = random(*seed);
        explore(&program, ALL, |toy| toy).0 != explore(&program, REDUCED, Mistaken).0
    };
    assert!((0..60).filter(differ).count() > 10);
}
