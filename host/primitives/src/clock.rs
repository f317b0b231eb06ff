//! Time as an argument: whoever needs the time is given a [`Clock`].

use std::{
    collections::BTreeMap,
    fmt,
    ops::Add,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Unix time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// How long after `earlier` this is; zero if it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates: a guest may ask for any time to live.
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// A wait for a moment.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time, and waits for it.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    fn now(&self) -> Timestamp;

    /// Ends when the time has come, at once if it has. A clock that is set forward ends it early, one that is set back
    /// late: whoever waits looks at the time again.
    fn sleep_until(&self, at: Timestamp) -> Sleep;
}

/// A clock that stands still until it is told to move: for tests and simulations.
#[derive(Debug, Default)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Debug, Default)]
struct Hands {
    now: u64,
    /// Who waits, by time and by a number that tells those apart who wait for the same.
    sleepers: BTreeMap<(u64, u64), Waker>,
    numbers: u64,
}

impl ManualClock {
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        let clock = Self::default();
        clock.lock().now = now.0;
        clock
    }

    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let now = self.lock().now;
        self.set(Timestamp(now.saturating_add(by)));
    }

    /// Sets the clock, forward or back, and wakes whose time has come.
    pub fn set(&self, now: Timestamp) {
        let mut due = self.lock();
        due.now = now.0;
        let later = due.sleepers.split_off(&(now.0.saturating_add(1), 0));
        let woken = std::mem::replace(&mut due.sleepers, later);
        drop(due);
        woken.into_values().for_each(Waker::wake);
    }

    /// When the next of those who wait wants to be woken.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.lock().sleepers.keys().next().map(|(at, _)| Timestamp(*at))
    }

    fn lock(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.lock().now)
    }

    fn sleep_until(&self, at: Timestamp) -> Sleep {
        let mut hands = self.lock();
        hands.numbers += 1;
        Box::pin(ManualSleep { hands: self.0.clone(), key: (at.0, hands.numbers) })
    }
}

struct ManualSleep {
    hands: Arc<Mutex<Hands>>,
    key: (u64, u64),
}

impl Future for ManualSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
        if hands.now >= self.key.0 {
            hands.sleepers.remove(&self.key);
            return Poll::Ready(());
        }
        hands.sleepers.insert(self.key, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for ManualSleep {
    fn drop(&mut self) {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner).sleepers.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_wakes_whose_time_has_come() {
        let clock = ManualClock::at(Timestamp(10));
        let mut cx = Context::from_waker(Waker::noop());
        let (mut early, mut late) = (clock.sleep_until(Timestamp(20)), clock.sleep_until(Timestamp(30)));
        assert!(early.as_mut().poll(&mut cx).is_pending());
        assert!(late.as_mut().poll(&mut cx).is_pending());
        assert_eq!(clock.next_wake(), Some(Timestamp(20)));
        clock.advance(Duration::from_millis(10));
        assert!(early.as_mut().poll(&mut cx).is_ready());
        assert!(late.as_mut().poll(&mut cx).is_pending());
        assert_eq!(clock.next_wake(), Some(Timestamp(30)));
        drop(late);
        assert_eq!(clock.next_wake(), None, "one that is dropped wants nothing");
        assert!(clock.sleep_until(Timestamp(20)).as_mut().poll(&mut cx).is_ready());
    }
}
