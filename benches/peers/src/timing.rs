//! Criterion, and what it found of one evaluation: the median of its samples, and the best one, which is what other work on the machine disturbs least.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use criterion::{Criterion, SamplingMode};
use serde_json::Value;
use weir_cases::CASES;

use crate::engines::{Engine, checked};

/// By [`CASES`]; `None` where an engine has no such flag.
pub(crate) type Times = [Option<Time>; CASES.len()];

/// One evaluation, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    pub(crate) best: f64,
    pub(crate) median: f64,
}

/// Measures, one engine after the other.
pub(crate) struct Timing {
    criterion: Criterion,
    directory: tempfile::TempDir,
}

impl Timing {
    pub(crate) fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let criterion = Criterion::default()
            .output_directory(directory.path())
            .without_plots()
            .sample_size(300)
            .nresamples(1_000)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_millis(1_500));
        Ok(Self { criterion, directory })
    }

    /// Each case.
    pub(crate) fn measure<E: Engine>(&mut self, mut engine: E) -> Result<Times> {
        checked(&mut engine)?;
        let mut times = Times::default();
        for (time, case) in times.iter_mut().zip(CASES) {
            if !engine.knows(case.flag) {
                continue;
            }
            let mut group = self.criterion.benchmark_group(case.flag);
            // Short samples, all alike: some of them run without another program between.
            group.sampling_mode(SamplingMode::Flat);
            group.bench_function(E::NAME, |bench| bench.iter(|| engine.ask(black_box(case.flag))));
            group.finish();
            *time = Some(found(self.directory.path(), case.flag)?);
        }
        Ok(times)
    }
}

/// What criterion wrote of the newest of a group; its directory is emptied, so that the next one's is the newest too.
fn found(directory: &Path, group: &str) -> Result<Time> {
    let group = directory.join(group);
    let engine = std::fs::read_dir(&group)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.join("new").is_dir())
        .with_context(|| format!("criterion wrote nothing to {}", group.display()))?;
    let sample: Value = serde_json::from_str(&std::fs::read_to_string(engine.join("new").join("sample.json"))?)?;
    std::fs::remove_dir_all(&group)?;
    let numbers =
        |key: &str| -> Vec<f64> { sample[key].as_array().into_iter().flatten().filter_map(Value::as_f64).collect() };
    let mut each: Vec<f64> = numbers("times").iter().zip(numbers("iters")).map(|(time, count)| time / count).collect();
    each.sort_by(f64::total_cmp);
    match (each.first(), each.get(each.len() / 2)) {
        (Some(best), Some(median)) => Ok(Time { best: *best, median: *median }),
        _ => bail!("criterion took no sample"),
    }
}
