//! Weir beside a peer, case after case: what agrees is counted, what an exception explains is counted under its name, and the rest is a difference.

use std::collections::BTreeMap;

use anyhow::Result;

use super::case::{Answer, Ask, Case, Outcome, json, weir};
use super::exception::{Known, Met};
use super::generate;
use super::minimise::minimise;
use super::peer::Peer;
use super::plain::{self, Terms};

/// When all of it happens: what rules call past and future is years away.
pub const NOW_S: u64 = 1_790_000_000;
/// Choices among what a peer may or may not do that are tried.
const CHOICES: usize = 200;
/// Differences that are shown.
const SHOWN: usize = 5;

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Tally {
    /// Questions asked.
    pub asked: usize,
    /// Answered alike.
    pub agreed: usize,
    /// Questions by the exception that explains the difference; one may have several.
    pub excepted: BTreeMap<&'static str, usize>,
    /// Questions that some exception explains.
    pub explained: usize,
    /// What nothing explains, made small, for people. At most so many as are shown.
    pub differences: Vec<String>,
    /// All that nothing explains.
    pub unexplained: usize,
}

/// What one question came to.
#[derive(Debug)]
pub(super) enum Verdict {
    Agreed,
    Excepted(Vec<&'static str>),
    Different(Difference),
}

/// Who said what; of a sort that stays while it is made smaller.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) weir: String,
    pub(super) peer: String,
    pub(super) sort: String,
}

/// Asks at least so many questions, from cases of that seed.
///
/// # Errors
/// The peer is gone.
pub fn compare(known: &Known, peer: &mut Peer, seed: u64, questions: usize) -> Result<Tally> {
    let mut tally = Tally::default();
    for number in 0.. {
        if tally.asked >= questions {
            break;
        }
        let case = generate::case(seed.wrapping_add(number));
        let case = if known.takes_arrays { case } else { case.in_object_form() };
        for (index, verdict) in verdicts(known, peer, &case)?.into_iter().enumerate() {
            tally.asked += 1;
            match verdict {
                Verdict::Agreed => tally.agreed += 1,
                Verdict::Excepted(names) => {
                    tally.explained += 1;
                    names.into_iter().for_each(|name| *tally.excepted.entry(name).or_default() += 1);
                }
                Verdict::Different(_) => {
                    tally.unexplained += 1;
                    if tally.differences.len() < SHOWN {
                        let one = Case { document: case.document.clone(), asks: vec![case.asks[index].clone()] };
                        let told = minimise(known, peer, one)?;
                        if !tally.differences.contains(&told) {
                            tally.differences.push(told);
                        }
                    }
                }
            }
        }
    }
    Ok(tally)
}

/// A verdict on each question of a case.
pub(super) fn verdicts(known: &Known, peer: &mut Peer, case: &Case) -> Result<Vec<Verdict>> {
    let ours = weir(case, known.hashing, NOW_S);
    let theirs = peer.ask(case, NOW_S)?;
    Ok(match (&ours, &theirs) {
        (Outcome::Answers(ours), Outcome::Answers(theirs)) => {
            let document = json(&case.document);
            let pairs = case.asks.iter().zip(ours).zip(theirs);
            pairs.map(|((ask, ours), theirs)| verdict(known, &document, ask, ours, theirs)).collect()
        }
        (Outcome::Refused(_), Outcome::Refused(_)) => case.asks.iter().map(|_| Verdict::Agreed).collect(),
        (ours, theirs) => {
            let excepted = matches!(theirs, Outcome::Refused(_)).then(|| known.refuses(&case.document)).flatten();
            case.asks
                .iter()
                .map(|_| match excepted {
                    Some(name) => Verdict::Excepted(vec![name]),
                    None => Verdict::Different(Difference {
                        weir: format!("{ours:?}"),
                        peer: format!("{theirs:?}"),
                        sort: String::new(),
                    }),
                })
                .collect()
        }
    })
}

fn verdict(known: &Known, document: &weir_core::json::Json, ask: &Ask, ours: &Answer, theirs: &Answer) -> Verdict {
    if ours.agrees(theirs) {
        return Verdict::Agreed;
    }
    let terms = Terms { hashing: known.hashing, now_s: NOW_S };
    let mut names = Vec::new();
    // What a peer may or may not do: every choice of it, as far as it is met.
    let mut choices: Vec<Vec<&'static str>> = vec![Vec::new()];
    for tried in 0..CHOICES {
        let Some(without) = choices.get(tried).cloned() else { break };
        let met = Met::new(known, &without);
        let expected = plain::answer(document, ask, terms, &met);
        let explained = expected.is_none_or(|expected| expected.agrees(theirs));
        let here: Vec<&'static str> = met.names().into_iter().collect();
        if explained && !here.is_empty() {
            return Verdict::Excepted(here);
        }
        for name in here.iter().copied().filter(|name| !known.always(name)) {
            let mut other: Vec<_> = without.iter().copied().chain([name]).collect();
            other.sort_unstable();
            if !choices.contains(&other) {
                choices.push(other);
            }
        }
        names = if tried == 0 { here } else { names };
    }
    let peer = format!("{theirs} (met {names:?})");
    let sort = format!("{} {:?} {} {:?} {names:?}", ours.reason, ours.error, theirs.reason, theirs.error);
    Verdict::Different(Difference { weir: ours.to_string(), peer, sort })
}
