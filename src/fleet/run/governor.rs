use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant};

use super::plan::Limits;
use crate::hyperv::{Directory, Place};

/// How much goes on at once, in all and into one place.
pub(super) struct Governor {
    total: Arc<Semaphore>,
    logins: Arc<Semaphore>,
    limits: Limits,
    places: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Governor {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            total: Arc::new(Semaphore::new(limits.total)),
            logins: Arc::new(Semaphore::new(limits.logins)),
            limits: limits.clone(),
            places: Mutex::default(),
        }
    }

    /// Waits until one more unit may be under way.
    pub(super) async fn unit(&self) -> Permit {
        take(&self.total).await
    }

    /// Waits until one more host may be logged in to.
    pub(super) async fn login(&self) -> Permit {
        take(&self.logins).await
    }

    /// Waits until one more unit may write to where that directory is.
    pub(super) async fn place(&self, host: &str, directory: &Directory) -> Permit {
        let (key, most) = match directory.place() {
            Place::Share { server, share } => {
                (format!(r"\\{server}\{share}").to_lowercase(), self.limits.share)
            }
            Place::Drive(letter) => (format!("{host}|{letter}"), self.limits.volume),
            Place::Volume => {
                let volume =
                    directory.as_str().split_inclusive('}').next().unwrap_or_default().to_lowercase();
                (format!("{host}|{volume}"), self.limits.volume)
            }
        };
        let place = lock(&self.places).entry(key).or_insert_with(|| Arc::new(Semaphore::new(most))).clone();
        take(&place).await
    }
}

/// Room that is given back when it is dropped.
pub(super) type Permit = Option<OwnedSemaphorePermit>;

/// Nobody closes these semaphores; were one closed, going on without a limit would be the lesser harm.
async fn take(semaphore: &Arc<Semaphore>) -> Permit {
    semaphore.clone().acquire_owned().await.ok()
}

/// How much goes on at once on one host: half as much after trouble, one more after each unit that went well.
pub(super) struct Slots {
    state: Mutex<State>,
    freed: Notify,
}

struct State {
    used: usize,
    limit: usize,
    most: usize,
    troubled: Option<Instant>,
}

/// A slot that is given back when it is dropped.
pub(super) struct Slot(Arc<Slots>);

impl Slots {
    pub(super) fn new(most: usize) -> Arc<Self> {
        let state = State { used: 0, limit: most, most, troubled: None };
        Arc::new(Self { state: Mutex::new(state), freed: Notify::new() })
    }

    pub(super) async fn take(self: &Arc<Self>) -> Slot {
        loop {
            let freed = self.freed.notified();
            {
                let mut state = lock(&self.state);
                if state.used < state.limit {
                    state.used += 1;
                    return Slot(self.clone());
                }
            }
            freed.await;
        }
    }

    /// The host has enough to do. Returns the new limit, unless it was just lowered or is as low as it gets.
    pub(super) fn trouble(&self) -> Option<usize> {
        let mut state = lock(&self.state);
        // Several units meet the same trouble at once.
        if state.troubled.is_some_and(|since| since.elapsed() < ONE_TROUBLE) {
            return None;
        }
        state.troubled = Some(Instant::now());
        let lower = (state.limit / 2).max(1);
        (lower < state.limit).then(|| {
            state.limit = lower;
            lower
        })
    }

    /// Something went well. Returns the new limit, where there is one.
    pub(super) fn relief(&self) -> Option<usize> {
        let mut state = lock(&self.state);
        if state.limit >= state.most {
            return None;
        }
        state.limit += 1;
        let limit = state.limit;
        drop(state);
        self.freed.notify_one();
        Some(limit)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.0.state).used -= 1;
        self.0.freed.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What happens within so long is one trouble.
const ONE_TROUBLE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_host_in_trouble_gets_half_and_then_one_more_at_a_time() {
        let slots = Slots::new(8);
        assert_eq!(slots.trouble(), Some(4));
        assert_eq!(slots.trouble(), None, "that was the same trouble");
        tokio::time::advance(ONE_TROUBLE).await;
        assert_eq!(slots.trouble(), Some(2));
        assert_eq!((slots.relief(), slots.relief()), (Some(3), Some(4)));
        for _ in 0..5 {
            tokio::time::advance(ONE_TROUBLE).await;
            slots.trouble();
        }
        assert_eq!(slots.relief(), Some(2), "one is the least");
        for _ in 0..20 {
            slots.relief();
        }
        assert_eq!(slots.relief(), None, "and the plan's limit the most");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_is_given_back_is_taken_by_who_waits() {
        let slots = Slots::new(2);
        let (first, _second) = (slots.take().await, slots.take().await);
        let third = tokio::spawn({
            let slots = slots.clone();
            async move { drop(slots.take().await) }
        });
        tokio::task::yield_now().await;
        assert!(!third.is_finished());
        drop(first);
        third.await.unwrap();
        tokio::time::advance(ONE_TROUBLE).await;
        // Two are in use of one that there are now: the next waits for both.
        let second = slots.take().await;
        assert_eq!(slots.trouble(), Some(1));
        let waiting = tokio::time::timeout(Duration::from_secs(60), slots.take()).await;
        assert!(waiting.is_err());
        drop(second);
        let waiting = tokio::time::timeout(Duration::from_secs(60), slots.take()).await;
        assert!(waiting.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_is_one_place_for_all_hosts_and_a_drive_is_one_of_its_host() {
        let governor = Governor::new(&Limits { share: 1, volume: 1, ..Limits::default() });
        let at = |text: &str| Directory::parse(text).unwrap();
        let is_free = async |host: &str, text: &str| {
            tokio::time::timeout(Duration::from_secs(1), governor.place(host, &at(text))).await.is_ok()
        };
        let _share = governor.place("hv01", &at(r"\\nas1\hv\a")).await;
        let _drive = governor.place("hv01", &at(r"D:\a")).await;
        for (host, text, free) in [
            ("hv02", r"\\NAS1\HV\b", false),
            ("hv02", r"\\?\UNC\nas1\hv\b", false),
            ("hv02", r"\\nas1\other\b", true),
            ("hv01", r"d:\b", false),
            ("hv01", r"E:\b", true),
            ("hv02", r"D:\b", true),
        ] {
            assert_eq!(is_free(host, text).await, free, "{host} {text}");
        }
    }
}
