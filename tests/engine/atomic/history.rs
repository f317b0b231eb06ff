//! What calls have read and written, and when; and whether there is one order in which all of it makes sense.
//!
//! The checker is stateright's tester of linearizability, with a whole transaction as its operation: that is strict
//! serializability. It is given short histories: whenever nothing is under way, all keys are looked at, and a new one
//! begins with what was found.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::{Arc, Mutex},
};

use stateright::semantics::{ConsistencyTester as _, LinearizabilityTester, SequentialSpec};

/// Keys that programs work on.
pub(super) const KEYS: usize = 6;

pub(super) type State = [Option<i64>; KEYS];

/// What a program did with state, and what it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Get {
        key: usize,
        found: Option<i64>,
    },
    /// A read that may be out of date when the call is committed.
    Peek {
        key: usize,
        found: Option<i64>,
    },
    List(Listed),
    Put {
        key: usize,
        value: i64,
    },
    /// Only if there is nothing.
    Create {
        key: usize,
        value: i64,
        done: bool,
    },
    Delete {
        key: usize,
    },
    /// `None`: it was not told.
    Add {
        key: usize,
        delta: i64,
        sum: Option<i64>,
    },
    /// A nested call begins, and ends with one of the others.
    Begin,
    Keep,
    Undo,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) reverse: bool,
    pub(super) limit: usize,
    pub(super) found: Vec<(usize, i64)>,
    pub(super) more: bool,
}

/// Steps that are as if they were done in one moment.
#[derive(Debug, Clone)]
pub(super) struct Transaction {
    pub(super) id: u64,
    pub(super) steps: Vec<Step>,
    /// Whether what it wrote is to be there.
    pub(super) kept: bool,
    /// Whether what it peeked at is of the same moment.
    pub(super) peeks: bool,
}

impl Transaction {
    /// Does the steps; `false` if one of them was told something else.
    fn replay(&self, state: &mut State) -> bool {
        let (before, mut savepoints) = (*state, vec![]);
        for step in &self.steps {
            match step {
                Step::Get { key, found } if state[*key] != *found => return false,
                Step::Peek { key, found } if self.peeks && state[*key] != *found => return false,
                Step::List(listed) if !listed.holds(state) => return false,
                Step::Get { .. } | Step::Peek { .. } | Step::List(_) => {}
                Step::Put { key, value } => state[*key] = Some(*value),
                Step::Create { key, value, done } => {
                    if state[*key].is_none() != *done {
                        return false;
                    }
                    state[*key] = if *done { Some(*value) } else { state[*key] };
                }
                Step::Delete { key } => state[*key] = None,
                Step::Add { key, delta, sum } => {
                    let new = state[*key].unwrap_or(0) + delta;
                    if sum.is_some_and(|sum| sum != new) {
                        return false;
                    }
                    state[*key] = Some(new);
                }
                Step::Begin => savepoints.push(*state),
                Step::Keep => _ = savepoints.pop(),
                Step::Undo => *state = savepoints.pop().unwrap_or(before),
            }
        }
        if !self.kept {
            *state = before;
        }
        true
    }
}

impl Listed {
    fn holds(&self, state: &State) -> bool {
        let mut keys: Vec<_> = (self.start..self.end).collect();
        if self.reverse {
            keys.reverse();
        }
        let mut there = keys.into_iter().filter_map(|key| Some((key, state[key]?)));
        let first: Vec<_> = there.by_ref().take(self.limit).collect();
        first == self.found && there.next().is_some() == self.more
    }
}

/// An operation: from when to when, if that is known.
struct Operation {
    begin: u64,
    end: Option<u64>,
    transaction: Transaction,
}

#[derive(Default)]
pub(super) struct History {
    /// What was there at the beginning.
    first: State,
    operations: BTreeMap<u64, Operation>,
    time: u64,
    /// How many histories were checked, and with how many operations.
    pub(super) checked: u64,
    pub(super) transactions: u64,
}

impl History {
    /// A moment of its own.
    pub(super) fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    /// Something that has happened from `begin` until now.
    pub(super) fn happened(&mut self, begin: u64, steps: Vec<Step>, kept: bool) {
        let has_peeks = steps.iter().any(|step| matches!(step, Step::Peek { .. }));
        let end = Some(self.tick());
        if has_peeks {
            // All of its reads are of one moment, but not of the one at which it was committed.
            let transaction = Transaction { id: 0, steps: steps.clone(), kept: false, peeks: true };
            self.insert(Operation { begin, end, transaction });
        }
        let is_all = has_peeks && !kept;
        if !steps.is_empty() && !is_all {
            self.insert(Operation {
                begin,
                end,
                transaction: Transaction { id: 0, steps, kept, peeks: false },
            });
        }
    }

    /// Something that may happen from now on, and has been decided when the next history begins. Its number.
    pub(super) fn begins(&mut self, step: Step) -> u64 {
        let begin = self.tick();
        let transaction = Transaction { id: 0, steps: vec![step], kept: true, peeks: false };
        self.insert(Operation { begin, end: None, transaction })
    }

    /// It has happened, and told this.
    pub(super) fn ends(&mut self, id: u64, step: Step) {
        let end = self.tick();
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.end = Some(end);
            operation.transaction.steps = vec![step];
        }
    }

    /// It has not happened.
    pub(super) fn forget(&mut self, id: u64) {
        self.operations.remove(&id);
    }

    fn insert(&mut self, mut operation: Operation) -> u64 {
        let id = self.tick();
        operation.transaction.id = id;
        self.operations.insert(id, operation);
        id
    }

    pub(super) fn len(&self) -> usize {
        self.operations.len()
    }

    /// Nothing is under way, and this is what is there.
    ///
    /// # Errors
    /// There is no order in which this makes sense.
    pub(super) fn close(&mut self, state: State) -> Result<(), String> {
        let operations = std::mem::take(&mut self.operations);
        let first = std::mem::replace(&mut self.first, state);
        self.checked += 1;
        self.transactions += operations.len() as u64;
        let mut operations: Vec<_> = operations.into_values().collect();
        let all = Listed { start: 0, end: KEYS, reverse: false, limit: KEYS, more: false, found: vec![] };
        let found = state.iter().enumerate().filter_map(|(key, value)| Some((key, (*value)?)));
        let look = Step::List(Listed { found: found.collect(), ..all });
        let (begin, end) = (self.tick(), Some(self.tick()));
        let transaction = Transaction { id: end.unwrap_or(0), steps: vec![look], kept: false, peeks: false };
        operations.push(Operation { begin, end, transaction });
        check(first, &operations)
    }
}

/// Configurations that the checker may look at for one history.
const EFFORT: usize = 300_000;

fn check(first: State, operations: &[Operation]) -> Result<(), String> {
    let search = Arc::new(Mutex::new(HashSet::new()));
    let spec = Spec { state: first, done: Done::default(), search: search.clone() };
    let mut tester = LinearizabilityTester::new(spec);
    // The checker knows threads, which do one thing after the other.
    let (mut free, mut threads) = (vec![], 0_usize);
    let mut thread_of = BTreeMap::new();
    for (_, index, is_end) in moments(operations) {
        if is_end {
            let thread = thread_of[&index];
            tester.on_return(thread, ())?;
            free.push(thread);
        } else {
            let thread = free.pop().unwrap_or_else(|| {
                threads += 1;
                threads
            });
            thread_of.insert(index, thread);
            let transaction = Arc::new(operations[index].transaction.clone());
            tester.on_invoke(thread, Numbered { index, transaction })?;
        }
    }
    if tester.is_consistent() {
        return Ok(());
    }
    if search.lock().unwrap().len() >= EFFORT {
        return Err(format!("the checker gave up on {} operations", operations.len()));
    }
    let shown = operations.iter().map(|operation| {
        let Operation { begin, end, transaction } = operation;
        let end = end.map_or("?".to_owned(), |end| end.to_string());
        let fate = if transaction.kept { "kept" } else { "not kept" };
        format!("{begin}..{end} {fate}: {:?}", transaction.steps)
    });
    let shown: Vec<_> = shown.collect();
    Err(format!("not serializable: from {first:?}\n    {}", shown.join("\n    ")))
}

/// When operations begin and end, in order.
fn moments(operations: &[Operation]) -> Vec<(u64, usize, bool)> {
    let begins = operations.iter().enumerate().map(|(index, operation)| (operation.begin, index, false));
    let ends =
        operations.iter().enumerate().filter_map(|(index, operation)| Some((operation.end?, index, true)));
    let mut moments: Vec<_> = begins.chain(ends).collect();
    moments.sort_unstable();
    moments
}

/// The operation's number among all of the history.
#[derive(Clone)]
struct Numbered {
    index: usize,
    transaction: Arc<Transaction>,
}

impl fmt::Debug for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.transaction.fmt(f)
    }
}

/// Which operations were done.
type Done = [u64; 8];

/// The keys, one transaction after the other.
#[derive(Clone)]
struct Spec {
    state: State,
    done: Done,
    /// Where the search has been. It comes to the same place on many ways, and there is nothing behind it the second
    /// time. (G. Lowe, "Testing for linearizability", 2017.)
    search: Arc<Mutex<HashSet<(Done, State)>>>,
}

impl Spec {
    fn has_done(&mut self, op: &Numbered) {
        self.done[op.index / 64] |= 1 << (op.index % 64);
    }
}

impl SequentialSpec for Spec {
    type Op = Numbered;
    type Ret = ();

    /// Of what nobody knows whether it happened: if it cannot have, it has not.
    fn invoke(&mut self, op: &Numbered) {
        let mut state = self.state;
        if op.transaction.replay(&mut state) {
            self.state = state;
        }
        self.has_done(op);
    }

    fn is_valid_step(&mut self, op: &Numbered, (): &()) -> bool {
        if !op.transaction.replay(&mut self.state) {
            return false;
        }
        self.has_done(op);
        let mut search = self.search.lock().unwrap();
        search.len() < EFFORT && search.insert((self.done, self.state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(operations: Vec<(u64, u64, Vec<Step>)>) -> Result<(), String> {
        let operations = operations.into_iter().map(|(begin, end, steps)| Operation {
            begin,
            end: Some(end),
            transaction: Transaction { id: begin, steps, kept: true, peeks: false },
        });
        check([None; KEYS], &operations.collect::<Vec<_>>())
    }

    fn get(key: usize, found: Option<i64>) -> Step {
        Step::Get { key, found }
    }

    fn put(key: usize, value: i64) -> Step {
        Step::Put { key, value }
    }

    #[test]
    fn what_is_in_no_order_is_refused() {
        let range = |found: Vec<(usize, i64)>| {
            Step::List(Listed { start: 0, end: 3, reverse: false, limit: 9, found, more: false })
        };
        let cases = [
            ("one after the other", true, vec![(1, 2, vec![put(0, 1)]), (3, 4, vec![get(0, Some(1))])]),
            ("an old read", false, vec![(1, 2, vec![put(0, 1)]), (3, 4, vec![get(0, None)])]),
            ("an old read beside it", true, vec![(1, 4, vec![put(0, 1)]), (2, 3, vec![get(0, None)])]),
            (
                "a lost update",
                false,
                vec![(1, 4, vec![get(0, None), put(0, 1)]), (2, 3, vec![get(0, None), put(0, 2)])],
            ),
            (
                "write skew",
                false,
                vec![
                    (1, 4, vec![get(0, None), get(1, None), put(0, 1)]),
                    (2, 3, vec![get(0, None), get(1, None), put(1, 1)]),
                ],
            ),
            (
                "a phantom",
                false,
                vec![(1, 4, vec![range(vec![]), put(0, 1)]), (2, 3, vec![range(vec![]), put(1, 1)])],
            ),
        ];
        for (what, expected, operations) in cases {
            assert_eq!(history(operations).is_ok(), expected, "{what}");
        }
    }
}
