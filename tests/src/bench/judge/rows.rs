//! [`Row`]: one line of the table: a stream, how long it is healthy, what happens then. Owns what is simulated.

use super::Effort;
use super::deciders::{ALPHA, Deciders, RULES};
use super::stream::{Shape, Stream, World};
use super::table::{Cell, Told};

/// A line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    what: &'static str,
    world: World,
    /// Tolerated ratio.
    ratio: f64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Healthy for so many seconds: an alarm is false. The share of runs with one is promised to be at most so much.
    FalseAlarms { seconds: u64, promised: f64 },
    /// Healthy for so many seconds, then errors at this rate: how long until it is found?
    Detection { healthy: u64, errors: f64 },
}

/// What one run gave for each rule: false alarm in the healthy time, and seconds from the fault to the rollback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) false_alarm: [bool; 4],
    pub(super) found_after: [Option<u64>; 4],
}

/// Seconds after which a fault counts as not found.
const PATIENCE: u64 = 1_800;

const HEALTHY: World = World { share: 0.05, control: 0.01, candidate: 0.01, shape: Shape::Steady };

/// All lines.
pub(super) fn rows(effort: Effort) -> Vec<Row> {
    let seconds = effort.seconds;
    let healthy =
        |what, world, ratio, promised| Row { what, world, ratio, kind: Kind::FalseAlarms { seconds, promised } };
    let at = |share| World { share, ..HEALTHY };
    let shaped = |shape| World { shape, ..HEALTHY };
    let mut rows = vec![
        healthy("A/A", at(0.01), 2.0, ALPHA),
        healthy("A/A", at(0.05), 2.0, ALPHA),
        healthy("A/A", at(0.25), 2.0, ALPHA),
        healthy("A/A", at(0.5), 2.0, ALPHA),
        healthy("A/A", at(0.05), 1.5, ALPHA),
        healthy("at the limit", World { candidate: 0.02, ..HEALTHY }, 2.0, ALPHA),
        healthy("at the limit", World { candidate: 0.015, ..HEALTHY }, 1.5, ALPHA),
        healthy("clustered by user", shaped(Shape::Clustered), 2.0, 2.0 * ALPHA),
        healthy("clustered by user", shaped(Shape::Clustered), 1.5, 2.0 * ALPHA),
        healthy("load of a day", shaped(Shape::Day), 2.0, ALPHA),
        healthy("weights 1, 5, 25, 50 %", shaped(Shape::Stages), 2.0, ALPHA),
        healthy("heavy-tailed users", shaped(Shape::Heavy), 2.0, ALPHA),
        healthy("proxies missing, restarts", shaped(Shape::Gaps), 2.0, ALPHA),
        healthy("one client's retry storm", shaped(Shape::Storm), 2.0, ALPHA),
    ];
    let before: &[u64] = if effort.seconds >= 86_400 { &[0, 3_600, 86_400] } else { &[0, 1_800] };
    for (ratio, share, errors) in [
        (2.0, 0.01, 0.05),
        (2.0, 0.01, 0.20),
        (2.0, 0.05, 0.05),
        (2.0, 0.05, 0.20),
        (2.0, 0.25, 0.05),
        (1.5, 0.05, 0.02),
        (1.5, 0.05, 0.05),
        (1.5, 0.05, 0.20),
    ] {
        rows.extend(before.iter().map(|healthy| Row {
            what: "fault",
            world: at(share),
            ratio,
            kind: Kind::Detection { healthy: *healthy, errors },
        }));
    }
    rows
}

impl Row {
    /// In words.
    pub(super) fn name(&self) -> String {
        let World { share, control, candidate, .. } = self.world;
        let percent =
            |share: f64| format!("{:.3}", share * 100.0).trim_end_matches('0').trim_end_matches('.').to_owned();
        let place = if self.world.shape == Shape::Stages { String::new() } else { format!(" at {} %", percent(share)) };
        match self.kind {
            Kind::FalseAlarms { seconds, .. } => {
                let rates = if candidate > control {
                    format!(", errors {} % and {} %", percent(control), percent(candidate))
                } else {
                    String::new()
                };
                format!("{}{place}{rates}, ratio {}, {}", self.what, self.ratio, length(seconds))
            }
            Kind::Detection { healthy, errors } => {
                let (from, to, ratio) = (percent(control), percent(errors), self.ratio);
                format!("{} {from} -> {to} %{place}, ratio {ratio}, after {}", self.what, length(healthy))
            }
        }
    }

    /// One simulated rollout.
    pub(super) fn run(&self, run: usize) -> Outcome {
        let (healthy, fault) = match self.kind {
            Kind::FalseAlarms { seconds, .. } => (seconds, None),
            Kind::Detection { healthy, errors } => (healthy, Some(errors)),
        };
        let seed = u64::try_from(run).unwrap_or(0);
        let mut stream = Stream::new(self.world, seed, healthy);
        let mut deciders = Deciders::new(self.ratio, self.world.control);
        let mut outcome = Outcome::default();
        for second in 0..healthy {
            let (candidate, control) = stream.next(second);
            let alarms = deciders.step(&candidate, control);
            for (had, alarm) in outcome.false_alarm.iter_mut().zip(alarms) {
                *had |= alarm;
            }
            // Where only alarms count and every rule has had one, nothing can come any more.
            if fault.is_none() && outcome.false_alarm == [true; 4] {
                break;
            }
        }
        if let Some(errors) = fault {
            stream.fault(errors);
            outcome.found_after = find(&mut stream, &mut deciders, healthy);
        }
        outcome
    }

    /// What all runs say together.
    pub(super) fn told(&self, outcomes: &[Outcome]) -> Told {
        let cells = [0, 1, 2, 3].map(|rule| {
            let alarms = outcomes.iter().filter(|o| o.false_alarm[rule]).count();
            match self.kind {
                Kind::FalseAlarms { .. } => Cell::alarms(alarms, outcomes.len()),
                // A rule that had rolled back already can't find anything.
                Kind::Detection { .. } => {
                    let times = outcomes.iter().filter(|o| !o.false_alarm[rule]).map(|o| o.found_after[rule]);
                    Cell::times(times.collect(), alarms, outcomes.len())
                }
            }
        });
        let (promised, healthy_seconds) = match self.kind {
            Kind::FalseAlarms { promised, seconds } => (Some(promised), seconds),
            Kind::Detection { healthy, .. } => (None, healthy),
        };
        let rules = RULES.into_iter().zip(cells).collect();
        Told { row: self.name(), ratio: self.ratio, healthy_seconds, promised, rules }
    }
}

fn find(stream: &mut Stream, deciders: &mut Deciders, from: u64) -> [Option<u64>; 4] {
    let mut found = [None; 4];
    for after in 1..=PATIENCE {
        let (candidate, control) = stream.next(from + after);
        for (found, alarm) in found.iter_mut().zip(deciders.step(&candidate, control)) {
            if alarm && found.is_none() {
                *found = Some(after);
            }
        }
        if found.iter().all(Option::is_some) {
            break;
        }
    }
    found
}

fn length(seconds: u64) -> String {
    match seconds {
        0 => "no time".to_owned(),
        s if s.is_multiple_of(3_600) => format!("{} h", s / 3_600),
        s => format!("{} min", s / 60),
    }
}
