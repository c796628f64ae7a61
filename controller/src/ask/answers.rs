//! [`Answers`]: what came back, until a tick takes it. Owns that only the newest of a check counts, and only while it is still asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Question;
use crate::observation::{CustomAnswer, Observation};

/// Shared between who asks and who observes.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<Mutex<BTreeMap<(String, String), Waiting>>>);

#[derive(Debug)]
struct Waiting {
    question: Question,
    asked_ms: u64,
    answer: CustomAnswer,
}

impl Answers {
    /// Keeps the answer to what was asked at that moment of the monotonic clock.
    pub fn put(&self, question: Question, asked_ms: u64, answer: CustomAnswer) {
        let key = (question.flag.clone(), question.name.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Waiting { question, asked_ms, answer });
    }

    /// Moves all there is into a tick that ended at that moment; what is not asked any more is let go.
    pub fn take_into(&self, observation: &mut Observation, now_ms: u64, asked: &[Question]) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for ((flag, name), Waiting { question, asked_ms, answer }) in waiting {
            if asked.contains(&question) {
                let answer = CustomAnswer { age_ms: now_ms.saturating_sub(asked_ms), ..answer };
                observation.flags.entry(flag).or_default().custom.insert(name, answer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::custom::Source;

    fn question(name: &str, attempt: u64) -> Question {
        Question {
            flag: "f".to_owned(),
            name: name.to_owned(),
            attempt,
            stage: None,
            weight_ppm: 0,
            control: "a".to_owned(),
            candidate: "b".to_owned(),
            source: Source::Query("up".to_owned()),
            every_ms: 1_000,
        }
    }

    #[test]
    fn a_tick_takes_the_newest_answer_of_what_is_still_asked_once() {
        let answers = Answers::default();
        let value = |candidate| CustomAnswer { candidate: Some(candidate), ..CustomAnswer::default() };
        answers.put(question("a", 1), 100, value(1.0));
        answers.put(question("a", 1), 300, value(2.0));
        answers.put(question("b", 1), 300, value(3.0));
        let asked = [question("a", 1), question("b", 2)];
        let mut observation = Observation::default();
        answers.take_into(&mut observation, 1_000, &asked);
        let custom = &observation.flags["f"].custom;
        assert_eq!(custom.len(), 1, "b is of an attempt that is over");
        assert_eq!(custom["a"], CustomAnswer { age_ms: 700, ..value(2.0) });
        let mut next = Observation::default();
        answers.take_into(&mut next, 2_000, &asked);
        assert_eq!(next, Observation::default());
    }
}
