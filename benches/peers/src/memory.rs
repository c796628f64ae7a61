//! What loading takes: time, and memory by an allocator that counts all threads.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Result;

use crate::engines::Engine;

/// The system's allocator, counting bytes.
pub(crate) struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on as it came; counting is atomic and needs no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What an engine needs for the big document.
pub(crate) struct Load {
    pub(crate) engine: &'static str,
    /// Milliseconds from text to ready: the best of five, and their median.
    pub(crate) ms: f64,
    pub(crate) median_ms: f64,
    /// The document's bytes, in the engine's own format.
    pub(crate) document: usize,
    /// Bytes that it keeps.
    pub(crate) kept: usize,
    /// Bytes at most while loading, the text not counted.
    pub(crate) peak: usize,
}

pub(crate) fn load<E: Engine>() -> Result<Load> {
    eprintln!("{}: loading", E::NAME);
    let document = E::big_document();
    let (mut times, mut kept, mut peak) = (Vec::new(), 0, 0);
    for _ in 0..5 {
        let before = LIVE.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let start = Instant::now();
        let engine = E::load(&document)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        kept = LIVE.load(Ordering::Relaxed).saturating_sub(before);
        peak = PEAK.load(Ordering::Relaxed).saturating_sub(before);
        drop(engine);
    }
    times.sort_by(f64::total_cmp);
    Ok(Load { engine: E::NAME, ms: times[0], median_ms: times[times.len() / 2], document: document.len(), kept, peak })
}
