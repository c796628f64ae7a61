use super::case::{Outcome, json, weir};
use super::compare::NOW_S;
use super::exception::AsDescribed;
use super::generate;
use super::plain::{self, Terms};
use weir_core::document::Hashing;

/// The compiled form and a walk over the document's JSON, in both dialects.
#[test]
fn weir_answers_as_a_plain_walk_of_the_document_does() {
    let mut asked = 0;
    for seed in 0..3_000 {
        let case = generate::case(seed);
        let document = json(&case.document);
        for hashing in [Hashing::FlagdV3, Hashing::FlagdV2] {
            let Outcome::Answers(answers) = weir(&case, hashing, NOW_S) else {
                panic!("seed {seed} is refused: {:?}", weir(&case, hashing, NOW_S))
            };
            for (ask, found) in case.asks.iter().zip(answers) {
                asked += 1;
                let terms = Terms { hashing, now_s: NOW_S };
                let expected = plain::answer(&document, ask, terms, &AsDescribed).unwrap();
                assert!(
                    found.agrees(&expected),
                    "seed {seed}, {hashing:?}: {ask:?}\nof {}\nWeir: {found:?}\nplain: {expected:?}",
                    case.document
                );
            }
        }
    }
    assert!(asked > 30_000, "{asked} questions");
}
