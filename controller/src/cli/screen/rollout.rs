//! A rollout: where it stands, its stages, the weights at the proxies, the verdict.

use weir_core::share::Share;

use super::super::duration::spoken;
use super::{BOLD, GREEN, RED, Screen, YELLOW};
use crate::judge::words::time;
use crate::judge::{Ruling, Verdict};
use crate::report::RolloutStatus;

impl Screen<'_> {
    pub(super) fn rollout(&self, rollout: &RolloutStatus) -> Vec<String> {
        let mut lines = vec![self.headline(rollout), format!("  stages   {}", self.ladder(rollout))];
        lines.push(format!("  weight   {}", weights(rollout)));
        if let Some(ruling) = &rollout.ruling {
            lines.push(format!("  verdict  {}", self.verdict(ruling)));
            lines.extend(ruling.checks.iter().map(|check| format!("  {}", self.check(check))));
            lines.extend(self.remarks(ruling));
            let score =
                ruling.score.map(|score| format!("  score    {score:.0} of 100, by weight of the checks that pass"));
            lines.extend(score);
        }
        if let Some(last) = &rollout.last {
            lines.push(format!("  last     {}", self.transition(last)));
        }
        lines
    }

    fn headline(&self, rollout: &RolloutStatus) -> String {
        let (sign, colour, words) = match (rollout.killed, rollout.phase.as_str()) {
            (true, _) => ("✖", RED, "KILLED".to_owned()),
            (_, "idle") => ("○", BOLD, "not started".to_owned()),
            (_, "baseline") => ("◔", YELLOW, "waiting for control's data".to_owned()),
            (_, "running") => {
                let stage = rollout.stage.map_or(0, |stage| stage + 1);
                ("▶", GREEN, format!("running, stage {stage} of {}", rollout.stages.len()))
            }
            (_, "paused") => ("॥", YELLOW, "paused".to_owned()),
            (_, "rolled_back") => ("✖", RED, "ROLLED BACK".to_owned()),
            (_, "done") => ("✔", GREEN, "done".to_owned()),
            (_, other) => ("?", YELLOW, other.to_owned()),
        };
        let attempt = if rollout.attempt == 0 { String::new() } else { format!(" · attempt {}", rollout.attempt) };
        let since = match rollout.since_ms {
            0 => String::new(),
            since_ms => format!(" for {}", self.ago(since_ms)),
        };
        format!(
            "{} {}{attempt} · {}{since} · {} -> {}",
            self.style.paint(colour, sign),
            self.style.paint(BOLD, &rollout.flag),
            self.style.paint(colour, &words),
            rollout.control,
            rollout.candidate
        )
    }

    fn ladder(&self, rollout: &RolloutStatus) -> String {
        let done = rollout.phase == "done";
        let steps = rollout.stages.iter().enumerate().map(|(index, stage)| {
            let weight = percent(stage.weight_ppm);
            match rollout.stage {
                Some(now) if index == now => {
                    let observed = rollout.ruling.as_ref().map_or(0, |ruling| ruling.numbers.observed_ms);
                    let step = format!("[▶ {weight} {} of {}]", spoken(observed), spoken(stage.lasts_ms));
                    self.style.paint(BOLD, &step)
                }
                Some(now) if index < now => format!("✔ {weight}"),
                _ if done => format!("✔ {weight}"),
                Some(_) | None => format!("· {weight}"),
            }
        });
        steps.collect::<Vec<_>>().join("  ")
    }

    fn verdict(&self, ruling: &Ruling) -> String {
        let (word, colour) = match ruling.verdict {
            Verdict::Advance => ("advance", GREEN),
            Verdict::Hold if ruling.asks => ("HOLD, a person must decide", YELLOW),
            Verdict::Hold => ("hold", BOLD),
            Verdict::RollBack => ("ROLL BACK", RED),
            Verdict::Inconclusive if ruling.asks => ("INCONCLUSIVE, a person must decide", YELLOW),
            Verdict::Inconclusive => ("inconclusive", YELLOW),
            Verdict::Pause => ("PAUSE", YELLOW),
        };
        // Most sentences tell it themselves.
        let untold = ruling.decides_in_ms.filter(|_| !ruling.sentence.contains("decides in"));
        let forecast = untold.map_or_else(String::new, |ms| format!(" · decides in ~{}", time(ms)));
        format!("{}: {}{forecast}", self.style.paint(colour, word), ruling.sentence)
    }
}

/// Wanted, and what each proxy has: one number where acknowledged and applied agree.
fn weights(rollout: &RolloutStatus) -> String {
    let shown = |ppm: Option<u32>| ppm.map_or_else(|| "?".to_owned(), percent);
    let proxies = rollout.proxies.iter().map(|weight| {
        let (acked, applied) = (shown(weight.acked_ppm), shown(weight.applied_ppm));
        if acked == applied {
            format!("{} {applied}", weight.proxy)
        } else {
            format!("{} {applied} (acknowledged {acked})", weight.proxy)
        }
    });
    let proxies: Vec<_> = proxies.collect();
    let at = if proxies.is_empty() { "no proxy".to_owned() } else { proxies.join(", ") };
    format!("wanted {} · applied: {at}", percent(rollout.weight_ppm))
}

fn percent(ppm: u32) -> String {
    Share::from_ppm(ppm).unwrap_or(Share::ALL).to_string()
}
