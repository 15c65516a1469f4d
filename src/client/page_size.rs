/// How many items the next page of an enumeration is asked for.
///
/// A page that does not fit its envelope is asked for again, an eighth as large, down to one item: a handful
/// of requests at worst. What went well is doubled, but not beyond what has failed, until a good many pages
/// have gone well.
#[derive(Clone, Debug)]
pub(super) struct PageSize {
    now: u32,
    most: u32,
    /// The smallest size that has failed lately.
    failed: Option<u32>,
    /// How many pages have gone well below that.
    good: u32,
}

impl PageSize {
    pub(super) fn new(most: u32) -> Self {
        let most = most.max(1);
        Self { now: most, most, failed: None, good: 0 }
    }

    pub(super) fn now(&self) -> u32 {
        self.now
    }

    /// Takes note that a page did not fit; returns whether a smaller one can be asked for.
    pub(super) fn shrink(&mut self) -> bool {
        let can = self.now > 1;
        self.failed = Some(self.now);
        self.good = 0;
        self.now = (self.now / 8).max(1);
        can
    }

    /// Takes note that a page arrived.
    pub(super) fn grow(&mut self) {
        self.good += 1;
        if self.good >= FORGOTTEN_AFTER {
            self.failed = None;
            self.good = 0;
        }
        let next = self.now.saturating_mul(2).min(self.most);
        if self.failed.is_none_or(|failed| next < failed) {
            self.now = next;
        }
    }
}

/// How many good pages it takes to try again what has failed: objects differ in size.
const FORGOTTEN_AFTER: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_never_fits_is_given_up_after_a_handful_of_requests() {
        let mut size = PageSize::new(32_000);
        let mut asked = vec![size.now()];
        while size.shrink() {
            asked.push(size.now());
        }
        assert_eq!(asked, [32_000, 4_000, 500, 62, 7, 1]);
    }

    #[test]
    fn what_fits_grows_again_but_not_into_what_has_failed_until_that_is_long_ago() {
        let mut size = PageSize::new(500);
        assert!(size.shrink());
        let mut seen = Vec::new();
        for _ in 0..FORGOTTEN_AFTER {
            seen.push(size.now());
            size.grow();
        }
        assert_eq!(seen[..5], [62, 124, 248, 496, 496]);
        assert_eq!((seen.last(), size.now()), (Some(&496), 500));
    }

    #[test]
    fn no_size_is_nothing() {
        assert_eq!(PageSize::new(0).now(), 1);
    }
}
