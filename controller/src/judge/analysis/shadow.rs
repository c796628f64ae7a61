//! Answers of mirrored requests: may the candidate get users at all? Owns that rule; how answers are compared is the filter's.
//!
//! What differs between control and control is noise: the rate of disagreement there is taken off the candidate's. The agreement's lower
//! bound of 95 % must reach the limit. The ratios of p95 and of errors are held against theirs as they were seen,
//! without a confidence. A field is shown among the worst by Diffy's rule, with the exact test of McNemar over all
//! fields (Holm) beside it.

use serde::{Deserialize, Serialize};

use super::policy::ShadowPolicy;
use super::remark::{Remark, RemarkState};
use crate::judge::ruling::{Verdict, Why};
use crate::judge::words::{count, millis, percent, quoted, significant};
use crate::observation::ShadowCounts;
use crate::stats::multiple::holm;
use crate::stats::normal::Z95_ONE_SIDED;
use crate::stats::paired::{is_shown, mcnemar};
use crate::stats::proportion::{Hits, newcombe, wilson};
use crate::stats::quantile::quantile;
use crate::stats::real;

/// So many of the worst fields are told.
const FIELDS: usize = 5;
/// So many fields and examples of each are remembered.
const MOST_FIELDS: usize = 200;
const EXAMPLES: usize = 3;
/// Errors without which their ratio says nothing.
const LEAST_ERRORS: u64 = 5;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShadowState {
    /// Too few comparisons.
    NotEnough,
    /// It may get users.
    Promote,
    /// It fails more often than control.
    FixErrors,
    /// It answers something else.
    InvestigateDisagreement,
    /// It is too slow.
    OptimiseLatency,
}

/// A field that differs more than noise does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct WorstField {
    /// Its path.
    pub field: String,
    /// How often it differed.
    pub differs: u64,
    /// How often it did between control and control.
    pub noise: u64,
    /// McNemar's exact p, corrected for the number of fields (Holm).
    pub p: f64,
    /// `[control, candidate]`.
    pub examples: Vec<(String, String)>,
}

/// The judgement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Judged {
    /// What is to happen.
    pub state: ShadowState,
    /// Share of answers that agree, noise taken off.
    pub agreement: f64,
    /// Its lower bound, 95 %.
    pub at_least: f64,
    /// The candidate's p95 over control's; `None` without durations.
    pub p95_ratio: Option<f64>,
    /// The candidate's errors over control's; `None` without errors of control, or with too few of both.
    pub errors_ratio: Option<f64>,
    /// Worst first.
    pub fields: Vec<WorstField>,
    /// In words.
    pub sentence: String,
}

/// Adds a tick's comparisons.
pub(super) fn add(sum: &mut ShadowCounts, tick: &ShadowCounts) {
    let add = |mine: &mut u64, theirs: u64| *mine = mine.saturating_add(theirs);
    add(&mut sum.comparisons, tick.comparisons);
    add(&mut sum.agreements, tick.agreements);
    add(&mut sum.noise_comparisons, tick.noise_comparisons);
    add(&mut sum.noise_agreements, tick.noise_agreements);
    add(&mut sum.candidate_errors, tick.candidate_errors);
    add(&mut sum.control_errors, tick.control_errors);
    sum.candidate_duration.merge(&tick.candidate_duration);
    sum.control_duration.merge(&tick.control_duration);
    for (name, field) in &tick.fields {
        if sum.fields.len() >= MOST_FIELDS && !sum.fields.contains_key(name) {
            continue;
        }
        let mine = sum.fields.entry(name.clone()).or_default();
        add(&mut mine.differs, field.differs);
        add(&mut mine.noise, field.noise);
        let room = EXAMPLES.saturating_sub(mine.examples.len());
        mine.examples.extend(field.examples.iter().take(room).cloned());
    }
}

/// Judges all comparisons so far.
#[must_use]
pub fn judged(policy: &ShadowPolicy, counts: &ShadowCounts) -> Judged {
    let (agreement, at_least) = agreement(counts);
    let p95 = |bins| quantile(bins, 0.95).map(|q| q.value).filter(|value| *value > 0.0);
    let (candidate, control) = (p95(&counts.candidate_duration), p95(&counts.control_duration));
    let p95_ratio = candidate.zip(control).map(|(e, c)| e / c);
    let (bad, errors_ratio) = errors(policy, counts);
    let state = if counts.comparisons < policy.comparisons {
        ShadowState::NotEnough
    } else if bad {
        ShadowState::FixErrors
    } else if at_least < policy.agreement {
        ShadowState::InvestigateDisagreement
    } else if p95_ratio.is_some_and(|ratio| ratio > policy.p95_ratio) {
        ShadowState::OptimiseLatency
    } else {
        ShadowState::Promote
    };
    let mut judged = Judged {
        state,
        agreement,
        at_least,
        p95_ratio,
        errors_ratio,
        fields: worst_fields(counts),
        sentence: String::new(),
    };
    judged.sentence = words(policy, counts, &judged, candidate.zip(control));
    judged
}

/// Agreement and its lower bound; with noise, one less the difference of both rates of disagreement (Newcombe).
fn agreement(counts: &ShadowCounts) -> (f64, f64) {
    let hits = |agreed: u64, all: u64| Hits::new(real(agreed.min(all)), real(all));
    let of_candidate = hits(counts.agreements, counts.comparisons);
    let of_noise = hits(counts.noise_agreements, counts.noise_comparisons);
    if counts.noise_comparisons == 0 {
        return (of_candidate.share(), wilson(of_candidate.hits, of_candidate.all, Z95_ONE_SIDED).0);
    }
    let more = of_noise.share() - of_candidate.share();
    let most = newcombe(of_noise, of_candidate, Z95_ONE_SIDED).1;
    (1.0 - more.max(0.0), (1.0 - most.max(0.0)).clamp(0.0, 1.0))
}

/// Whether the candidate fails too often, and how often against control. Both answered the same requests, so counts compare as they are.
fn errors(policy: &ShadowPolicy, counts: &ShadowCounts) -> (bool, Option<f64>) {
    let (candidate, control) = (real(counts.candidate_errors), real(counts.control_errors));
    let told = counts.candidate_errors >= LEAST_ERRORS;
    let ratio = (control > 0.0 && told).then(|| candidate / control);
    (told && candidate > policy.errors_ratio * control, ratio)
}

fn worst_fields(counts: &ShadowCounts) -> Vec<WorstField> {
    let p: Vec<f64> = counts.fields.values().map(|field| mcnemar(field.differs, field.noise)).collect();
    let corrected = holm(&p);
    let all = counts.fields.iter().zip(corrected);
    let shown = all.filter(|((_, field), _)| is_shown(field.differs, field.noise, counts.comparisons));
    let mut worst: Vec<WorstField> = shown
        .map(|((name, field), p)| WorstField {
            field: name.clone(),
            differs: field.differs,
            noise: field.noise,
            p,
            examples: field.examples.clone(),
        })
        .collect();
    worst.sort_by_key(|field| std::cmp::Reverse(field.differs.saturating_sub(field.noise)));
    worst.truncate(FIELDS);
    worst
}

fn words(policy: &ShadowPolicy, counts: &ShadowCounts, judged: &Judged, p95: Option<(f64, f64)>) -> String {
    let compared = count(counts.comparisons);
    let agrees = format!(
        "{} of {compared} answers agree, noise taken off (at least {}, limit {})",
        percent(judged.agreement),
        percent(judged.at_least),
        percent(policy.agreement)
    );
    match judged.state {
        ShadowState::NotEnough => format!("{compared} of {} comparisons", count(policy.comparisons)),
        ShadowState::Promote => format!("may get users: {agrees}"),
        ShadowState::FixErrors => format!(
            "fix errors first: {} against {} in control on the same requests ({} times tolerated)",
            count(counts.candidate_errors),
            count(counts.control_errors),
            significant(policy.errors_ratio)
        ),
        ShadowState::InvestigateDisagreement => {
            format!("investigate the disagreement: {agrees}{}", worst_words(judged))
        }
        ShadowState::OptimiseLatency => {
            let (candidate, control) = p95.unwrap_or_default();
            format!(
                "optimise latency first: p95 {} against {} in control ({} times tolerated)",
                millis(candidate),
                millis(control),
                significant(policy.p95_ratio)
            )
        }
    }
}

fn worst_words(judged: &Judged) -> String {
    let field = |worst: &WorstField| {
        let example = worst
            .examples
            .first()
            .map(|(control, candidate)| format!(", such as \"{}\" -> \"{}\"", quoted(control), quoted(candidate)));
        format!("{} {} times{}", quoted(&worst.field), count(worst.differs), example.unwrap_or_default())
    };
    let list: Vec<String> = judged.fields.iter().map(field).collect();
    if list.is_empty() { String::new() } else { format!("; most in {}", list.join(", ")) }
}

/// The same as a remark that stands before the first stage.
pub(super) fn remark(policy: &ShadowPolicy, counts: &ShadowCounts) -> Remark {
    let judged = judged(policy, counts);
    let (state, blocks) = match judged.state {
        ShadowState::NotEnough => (RemarkState::NotEnough, super::blocks(Verdict::Hold, Why::Shadow, false)),
        ShadowState::Promote => (RemarkState::Pass, None),
        ShadowState::FixErrors | ShadowState::InvestigateDisagreement | ShadowState::OptimiseLatency => {
            (RemarkState::Fail, super::blocks(Verdict::Hold, Why::Shadow, true))
        }
    };
    let known = counts.comparisons > 0;
    Remark {
        name: "shadow".to_owned(),
        segment: None,
        state,
        value: known.then_some(judged.agreement),
        interval: known.then_some((judged.at_least, 1.0)),
        limit: policy.agreement,
        seen: counts.comparisons,
        needed: policy.comparisons,
        sentence: format!("shadow: {}", judged.sentence),
        blocks,
        alarm: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::FieldCounts;

    #[test]
    fn what_the_answers_hold_does_nothing_to_a_terminal() {
        let examples = vec![("1\n".to_owned(), "2".repeat(900))];
        let field = FieldCounts { differs: 900, noise: 0, examples };
        let counts = ShadowCounts {
            comparisons: 2_000,
            agreements: 1_100,
            fields: [("a\u{1b}[2J".to_owned(), field)].into(),
            ..ShadowCounts::default()
        };
        let said = judged(&ShadowPolicy::default(), &counts).sentence;
        assert!(said.contains("; most in a\\u{1b}[2J 900 times, such as \"1\\n\" -> \"222"), "{said}");
        assert!(said.ends_with("222…\"") && said.len() < 500, "{said}");
    }
}
