//! What Weir's check says of flagd's testbed: nothing but of what stands there on purpose.

use std::collections::BTreeSet;

use weir_core::check::{Limits, Severity, examine};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What the testbed holds to show what happens then; `zero-flags` refers to evaluators of another file that it is merged with.
const DELIBERATE: [&str; 22] = [
    "evaluator/flags/testkit-flags.json D-OPERANDS $.flags.ends-with-wrong-args-flag.targeting.ends_with",
    "evaluator/flags/testkit-flags.json D-OPERANDS $.flags.semver-wrong-args-flag.targeting.sem_ver",
    "evaluator/flags/testkit-flags.json D-OPERANDS $.flags.starts-with-wrong-args-flag.targeting.starts_with",
    "evaluator/flags/testkit-flags.json D-REF $.flags.ref-to-nonexistent-evaluator-flag.targeting.if[0].$ref",
    "evaluator/flags/testkit-flags.json D-SEMVER $.flags.semver-invalid-operator-flag.targeting.sem_ver[1]",
    "evaluator/flags/testkit-flags.json D-WEIGHT $.flags.fractional-negative-weight-flag.targeting.fractional[1][1]",
    "flags/custom-ops.json D-OPERANDS $.flags.starts-ends-flag.targeting.if[2].if[2].if[0].ends_with[1]",
    "flags/custom-ops.json D-SEMVER $.flags.equal-greater-lesser-version-flag.targeting.if[2].if[2].if[2].if[0].sem_ver[2]",
    "flags/custom-ops.json D-VARIANT $.flags.equal-greater-lesser-version-flag.targeting.if[2].if[2].if[2].if[1]",
    "flags/custom-ops.json D-VARIANT $.flags.starts-ends-flag.targeting.if[2].if[2].if[1]",
    "flags/edge-case-flags.json D-OPERANDS $.flags.ends-with-wrong-args-flag.targeting.ends_with",
    "flags/edge-case-flags.json D-OPERANDS $.flags.semver-wrong-args-flag.targeting.sem_ver",
    "flags/edge-case-flags.json D-OPERANDS $.flags.starts-with-wrong-args-flag.targeting.starts_with",
    "flags/edge-case-flags.json D-OPERATOR $.flags.error-targeting-flag.targeting.invalid",
    "flags/edge-case-flags.json D-SEMVER $.flags.semver-invalid-operator-flag.targeting.sem_ver[1]",
    "flags/edge-case-flags.json D-VARIANT $.flags.missing-variant-targeting-flag.targeting.if[1]",
    "flags/edge-case-flags.json D-WEIGHT $.flags.fractional-negative-weight-flag.targeting.fractional[1][1]",
    "flags/evaluator-refs.json D-REF $.flags.ref-to-nonexistent-evaluator-flag.targeting.if[0].$ref",
    "flags/zero-flags.json D-REF $.flags.boolean-targeted-zero-flag.targeting.if[0].$ref",
    "flags/zero-flags.json D-REF $.flags.float-targeted-zero-flag.targeting.if[0].$ref",
    "flags/zero-flags.json D-REF $.flags.integer-targeted-zero-flag.targeting.if[0].$ref",
    "flags/zero-flags.json D-REF $.flags.string-targeted-zero-flag.targeting.if[0].$ref",
];

#[test]
fn only_what_stands_there_on_purpose_is_a_defect() {
    let mut found = BTreeSet::new();
    let mut documents = 0;
    for (name, text) in super::bundle() {
        let Some(name) = name.strip_prefix("testbed/").filter(|name| name.ends_with(".json")) else { continue };
        documents += 1;
        let examined = examine(&text, &Limits::default());
        let grave = examined.findings.into_iter().filter(|finding| finding.severity != Severity::Warning);
        found.extend(grave.map(|finding| format!("{name} {} {}", finding.code, finding.path)));
    }
    let deliberate: BTreeSet<String> = DELIBERATE.iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(found, deliberate);
    assert!(documents > 10, "{documents}");
}
