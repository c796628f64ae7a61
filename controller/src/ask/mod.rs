//! Ask: what custom checks want to know of others: PromQL queries of a Prometheus, and webhooks. Owns how they are asked and what an answer
//! says; knows neither limits nor verdicts, and stands in nobody's way: it runs beside the loop, and what it learns waits for the next tick.
//!
//! - [`sources`]: whom this controller can ask
//! - [`question`]: what there is to ask, from the rollouts under way, pure
//! - [`prometheus`], [`webhook`]: what is sent and what an answer says, pure
//! - [`client`]: one HTTP request
//! - [`asker`]: when what is asked; [`answers`]: what came back, until a tick takes it
pub mod answers;
pub mod asker;
pub mod client;
pub mod prometheus;
pub mod question;
pub mod sources;
pub mod webhook;

pub use answers::Answers;
pub use asker::Asker;
pub use question::Question;
pub use sources::{Endpoint, Sources, Token};

/// The longest text of others that is kept, in characters.
const MAX_WORDS: usize = 200;

/// A text of others as it can stand in a sentence: on one line, without control characters, and not too long.
fn tidy(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MAX_WORDS) {
        Some((end, _)) => format!("{}...", words.get(..end).unwrap_or_default()),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_text_of_others_is_made_fit_for_a_sentence() {
        assert_eq!(super::tidy(" a\tb\r\n\u{1b}[31mc  "), "a b [31mc");
        assert_eq!(super::tidy(&"é".repeat(300)), format!("{}...", "é".repeat(200)));
    }
}
