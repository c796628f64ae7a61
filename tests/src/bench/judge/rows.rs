//! [`Row`]: one line of the table: a stream, how long it is healthy, what happens then. Owns what is simulated.

use anyhow::Result;

use super::Effort;
use super::deciders::{ALPHA, Alarms, COUNT, Deciders, RULES};
use super::defaults::Defaults;
use super::pace::{Pace, Paced};
use super::stream::{RATE, Shape, Stream, World};
use super::table::{Cell, Told};

/// A line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    what: &'static str,
    subject: Subject,
    /// Tolerated ratio.
    ratio: f64,
    /// Tolerated probability of a false alarm.
    alpha: f64,
    kind: Kind,
    /// Seconds of a tick in the healthy time before a fault.
    tick: u64,
}

/// What is limited.
#[derive(Clone, Copy, Debug)]
enum Subject {
    /// Errors.
    Errors(World),
    /// A quantile of the duration.
    Latency(Pace),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Healthy for so many seconds: an alarm is false. The share of runs with one is promised to be at most so much.
    FalseAlarms { seconds: u64, promised: f64 },
    /// Healthy for so many seconds, then an error rate, or so many times as slow: how long until it is found?
    Detection { healthy: u64, fault: f64 },
}

/// What one run gave for each rule: false alarm in the healthy time, and seconds from the fault to the rollback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) false_alarm: Alarms,
    pub(super) found_after: [Option<u64>; COUNT],
}

/// Seconds after which a fault counts as not found.
const PATIENCE: u64 = 1_800;

const HEALTHY: World = World { rate: RATE, share: 0.05, control: 0.01, candidate: 0.01, shape: Shape::Steady };
const LATENCY: Pace = Pace { share: 0.05, quantile: 0.95, times: 1.0, waves: false };

/// All lines.
///
/// # Errors
/// None: the document with the default policy is one.
pub(super) fn rows(effort: Effort) -> Result<Vec<Row>> {
    let mut rows = healthy_errors(effort);
    rows.extend(healthy_latency(effort));
    rows.extend(faults(effort, Defaults::of_errors()?));
    Ok(rows)
}

fn faults(effort: Effort, defaults: Defaults) -> Vec<Row> {
    let mut rows = Vec::new();
    let before: &[u64] = if effort.seconds >= 86_400 { &[0, 3_600, 86_400] } else { &[0, 1_800] };
    for (ratio, share, errors) in [
        (2.0, 0.01, 0.05),
        (2.0, 0.01, 0.20),
        (2.0, 0.05, 0.05),
        (2.0, 0.05, 0.20),
        (2.0, 0.25, 0.05),
        (2.0, 1.0, 0.05),
        (1.5, 0.05, 0.02),
        (1.5, 0.05, 0.05),
        (1.5, 0.05, 0.20),
        (1.25, 0.05, 0.02),
        (1.25, 0.05, 0.05),
    ] {
        let subject = Subject::Errors(World { share, ..HEALTHY });
        rows.extend(before.iter().map(|healthy| found(subject, ratio, *healthy, (errors, effort))));
    }
    for share in [0.01, 0.05] {
        let subject = Subject::Errors(World { share, ..HEALTHY });
        let Defaults { ratio, alpha } = defaults;
        let row =
            |healthy| Row { what: "default policy: fault", alpha, ..found(subject, ratio, healthy, (0.05, effort)) };
        rows.extend(before.iter().copied().map(row));
    }
    for (quantile, ratio, times) in [(0.95, 1.2, 1.5), (0.95, 1.5, 2.0), (0.5, 1.2, 1.5), (0.99, 1.5, 3.0)] {
        let subject = Subject::Latency(Pace { quantile, ..LATENCY });
        // An hour is as good as a day: evidence on latency begins with the stage.
        let before = before.iter().filter(|healthy| **healthy <= 3_600);
        rows.extend(before.map(|healthy| found(subject, ratio, *healthy, (times, effort))));
    }
    rows
}

fn found(subject: Subject, ratio: f64, healthy: u64, (fault, effort): (f64, Effort)) -> Row {
    let kind = Kind::Detection { healthy, fault };
    Row { what: "fault", subject, ratio, alpha: ALPHA, kind, tick: effort.tick }
}

fn healthy_errors(effort: Effort) -> Vec<Row> {
    let seconds = effort.seconds;
    let healthy = |what, world, ratio, promised| {
        let kind = Kind::FalseAlarms { seconds, promised };
        Row { what, subject: Subject::Errors(world), ratio, alpha: ALPHA, kind, tick: effort.tick }
    };
    let mut rows = Vec::new();
    for rate in [RATE, 100.0] {
        for ratio in [2.0, 1.5] {
            let at = |share: &f64| healthy("A/A", World { rate, share: *share, ..HEALTHY }, ratio, ALPHA);
            rows.extend([0.01, 0.05, 0.25, 0.5].iter().map(at));
        }
    }
    let shaped = |shape| World { shape, ..HEALTHY };
    rows.extend([
        healthy("A/A", World { share: 1.0, ..HEALTHY }, 2.0, ALPHA),
        healthy("A/A", World { share: 1.0, ..HEALTHY }, 1.5, ALPHA),
        healthy("A/A", HEALTHY, 1.25, ALPHA),
        healthy("at the limit", World { candidate: 0.02, ..HEALTHY }, 2.0, ALPHA),
        healthy("at the limit", World { candidate: 0.015, ..HEALTHY }, 1.5, ALPHA),
        healthy("clustered by user", shaped(Shape::Clustered), 2.0, 2.0 * ALPHA),
        healthy("clustered by user", shaped(Shape::Clustered), 1.5, 2.0 * ALPHA),
        healthy("clustered by user", shaped(Shape::Clustered), 1.25, 2.0 * ALPHA),
    ]);
    for ratio in [2.0, 1.5] {
        rows.extend([
            healthy("load of a day", shaped(Shape::Day), ratio, ALPHA),
            healthy("weights 1, 5, 25, 50 %", shaped(Shape::Stages), ratio, ALPHA),
            healthy("heavy-tailed users", shaped(Shape::Heavy), ratio, ALPHA),
            healthy("proxies missing, restarts", shaped(Shape::Gaps), ratio, ALPHA),
            healthy("one client's retry storm", shaped(Shape::Storm), ratio, ALPHA),
        ]);
    }
    rows.push(healthy("heavy-tailed users", shaped(Shape::Heavy), 1.25, ALPHA));
    rows
}

fn healthy_latency(effort: Effort) -> Vec<Row> {
    // Evidence on latency begins with the stage: an hour of it.
    let seconds = effort.seconds.min(3_600);
    let row = |what, pace, ratio| {
        let kind = Kind::FalseAlarms { seconds, promised: ALPHA };
        Row { what, subject: Subject::Latency(pace), ratio, alpha: ALPHA, kind, tick: effort.tick }
    };
    vec![
        row("as slow", LATENCY, 1.05),
        row("as slow", LATENCY, 1.5),
        row("as slow", Pace { quantile: 0.5, ..LATENCY }, 1.05),
        row("as slow", Pace { quantile: 0.99, ..LATENCY }, 1.05),
        row("at the limit", Pace { times: 1.5, ..LATENCY }, 1.5),
        row("at the limit", Pace { quantile: 0.5, times: 1.2, ..LATENCY }, 1.2),
        row("both slow by turns", Pace { waves: true, ..LATENCY }, 1.2),
    ]
}

/// What is simulated, with the rules that look at it.
enum Simulated {
    Errors(Box<(Stream, Deciders)>),
    Latency(Box<Paced>),
}

impl Simulated {
    fn new(row: &Row, seed: u64, healthy: u64) -> Self {
        match row.subject {
            Subject::Errors(world) => {
                let stream = Stream::new(world, seed, healthy);
                let rule = (row.ratio, row.alpha);
                Self::Errors(Box::new((stream, Deciders::new(rule, world.control, world.share >= 1.0))))
            }
            Subject::Latency(pace) => Self::Latency(Box::new(Paced::new(pace, row.ratio, seed, healthy))),
        }
    }

    fn next(&mut self, second: u64, span: u64) -> Alarms {
        match self {
            Self::Errors(both) => {
                let (candidate, control) = both.0.next(second, span);
                both.1.step(&candidate, &control, span)
            }
            Self::Latency(paced) => paced.next(second, span),
        }
    }

    fn fault(&mut self, fault: f64) {
        match self {
            Self::Errors(both) => both.0.fault(fault),
            Self::Latency(paced) => paced.fault(fault),
        }
    }
}

impl Row {
    /// In words.
    pub(super) fn name(&self) -> String {
        let percent =
            |share: f64| format!("{:.3}", share * 100.0).trim_end_matches('0').trim_end_matches('.').to_owned();
        let (what, ratio) = (self.what, self.ratio);
        let (place, healthy, fault) = match self.subject {
            Subject::Errors(World { rate, share, control, candidate, shape }) => {
                let mut place =
                    if shape == Shape::Stages { String::new() } else { format!(" at {} %", percent(share)) };
                if (rate - RATE).abs() > 0.5 {
                    place.push_str(&format!(", {rate} requests/s"));
                }
                let rates = format!(", errors {} % and {} %", percent(control), percent(candidate));
                let rates = if candidate > control { rates } else { String::new() };
                let fault = move |to: f64| format!(" {} -> {} %", percent(control), percent(to));
                (place, rates, Box::new(fault) as Box<dyn Fn(f64) -> String>)
            }
            Subject::Latency(Pace { share, quantile, times, .. }) => {
                let name = format!(" p{}", percent(quantile));
                let slow = if times > 1.0 { format!(", {times} times as slow") } else { String::new() };
                let fault = move |to: f64| format!("{name} 1 -> {to} times");
                (format!(" at {} %", percent(share)), format!(", p{}{slow}", percent(quantile)), Box::new(fault) as _)
            }
        };
        match self.kind {
            Kind::FalseAlarms { seconds, .. } => format!("{what}{place}{healthy}, ratio {ratio}, {}", length(seconds)),
            Kind::Detection { healthy, fault: to } => {
                format!("{what}{}{place}, ratio {ratio}, after {}", fault(to), length(healthy))
            }
        }
    }

    /// One simulated rollout.
    pub(super) fn run(&self, run: usize) -> Outcome {
        let (healthy, fault) = match self.kind {
            Kind::FalseAlarms { seconds, .. } => (seconds, None),
            Kind::Detection { healthy, fault } => (healthy, Some(fault)),
        };
        let mut simulated = Simulated::new(self, u64::try_from(run).unwrap_or(0), healthy);
        let mut outcome = Outcome::default();
        let mut second = 0;
        while second < healthy {
            let alarms = simulated.next(second, self.tick);
            for (had, alarm) in outcome.false_alarm.iter_mut().zip(alarms) {
                *had |= alarm;
            }
            // Where only alarms count and every rule has had one, nothing can come any more.
            if fault.is_none() && outcome.false_alarm == [true; COUNT] {
                break;
            }
            second += self.tick;
        }
        if let Some(fault) = fault {
            simulated.fault(fault);
            outcome.found_after = find(&mut simulated, healthy);
        }
        outcome
    }

    /// What all runs say together.
    pub(super) fn told(&self, outcomes: &[Outcome]) -> Told {
        let cells = std::array::from_fn::<_, COUNT, _>(|rule| {
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
        Told { row: self.name(), ratio: self.ratio, alpha: self.alpha, healthy_seconds, promised, rules }
    }
}

fn find(simulated: &mut Simulated, from: u64) -> [Option<u64>; COUNT] {
    let mut found = [None; COUNT];
    for after in 1..=PATIENCE {
        for (found, alarm) in found.iter_mut().zip(simulated.next(from + after, 1)) {
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
