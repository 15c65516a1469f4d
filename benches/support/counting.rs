use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, which counts what is allocated; and, where it is told to, how many bytes there are
/// at a time, which costs more.
pub(crate) struct Counting<const BYTES: bool>;

/// How often something was allocated.
pub(crate) static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
/// How many bytes are allocated, and how many there were at most.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

impl<const BYTES: bool> Counting<BYTES> {
    /// Returns how many bytes are allocated, and forgets that there ever were more.
    pub(crate) fn begin() -> usize {
        let live = LIVE.load(Ordering::Relaxed);
        PEAK.store(live, Ordering::Relaxed);
        live
    }

    /// Returns how many bytes there were at most since then.
    pub(crate) fn peak() -> usize {
        PEAK.load(Ordering::Relaxed)
    }

    fn came(bytes: usize) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        if BYTES {
            let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
            PEAK.fetch_max(live, Ordering::Relaxed);
        }
    }

    fn went(bytes: usize) {
        if BYTES {
            LIVE.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

// SAFETY: every call goes to the system's allocator with the arguments it came with.
#[expect(unsafe_code, reason = "an allocator can be counted in no other way; it only passes calls on")]
unsafe impl<const BYTES: bool> GlobalAlloc for Counting<BYTES> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::came(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::went(layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // For a moment there may be both.
        Self::came(size);
        Self::went(layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}
