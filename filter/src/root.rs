//! [`Serving`]: one configuration, ready for requests. Owns how bytes become one, or a refusal with every finding in the log. Pure: the same bytes give
//! the same verdict in the canary and in each worker, for a worker that alone refused would poison the module until a restart
//! (envoyproxy/envoy issue 43751).

use std::rc::Rc;

use weir_core::name::Metric;
use weir_core::snapshot::Snapshot;

use crate::host::{Host, MetricId};
use crate::meter::Meters;
use crate::vm::Vm;

/// What a stream needs to know of the configuration that it began under.
#[derive(Debug)]
pub struct Serving {
    /// `None` until the controller, or the bootstrap, has given one: everybody gets control.
    pub snapshot: Option<Snapshot>,
    /// The metrics of the snapshot's flags.
    pub meters: Rc<Meters>,
    /// Counts requests while there is no snapshot.
    pub no_snapshot: Option<MetricId>,
    generation: Option<MetricId>,
}

/// Refusals name at most so many findings in Envoy's log; the controller's check names all.
const LOGGED: usize = 20;

impl Serving {
    /// Reads the plugin configuration. `None` refuses it: Envoy goes on with the former.
    pub fn configure(vm: &mut Vm, host: &impl Host) -> Option<Self> {
        let bytes = host.configuration().unwrap_or_default();
        match Snapshot::read(&bytes, &mut vm.plans) {
            Ok(snapshot) => Some(Self::new(snapshot, vm, host)),
            Err(findings) => {
                for finding in findings.iter().take(LOGGED) {
                    host.log_error(&format!("weir: configuration refused: {finding}"));
                }
                None
            }
        }
    }

    fn new(snapshot: Option<Snapshot>, vm: &mut Vm, host: &impl Host) -> Self {
        let meters = snapshot.as_ref().map(|snapshot| vm.meters(&snapshot.plan, host)).unwrap_or_default();
        Self {
            snapshot,
            meters,
            no_snapshot: vm.ids.of(&Metric::NoSnapshot, host),
            generation: vm.ids.of(&Metric::Generation, host),
        }
    }

    /// Says which generation this worker serves. Called from the first tick and not when configured: the canary is configured
    /// first, and a refused configuration would show.
    pub fn announce(&self, host: &impl Host) {
        if let Some(id) = self.generation {
            host.record(id, self.snapshot.as_ref().map_or(0, |snapshot| snapshot.generation));
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_core::name;

    use super::*;
    use crate::host::fake::Fake;

    const DOCUMENT: &str = r#"{"flags": {"a": {"state": "ENABLED", "variants": {"x": 1, "y": 2}, "defaultVariant": "x"}},
        "weir": {"version": 1, "identity": [{"header": "u"}], "outputs": {"a": {"requestHeader": "x-a"}},
                 "rollouts": {"a": {"control": "x", "candidate": "y", "stages": [{"weight": "100%"}]}}}}"#;

    #[test]
    fn a_refusal_names_its_faults_in_the_log() {
        let host = Fake::with_headers(&DOCUMENT.replace("ENABLED", "MAYBE"), &[]);
        assert!(Serving::configure(&mut Vm::default(), &host).is_none());
        assert!(
            host.errors.borrow()[0].contains(r#"$.flags.a.state: found "MAYBE", allowed "ENABLED" or "DISABLED""#),
            "{:?}",
            host.errors
        );
        assert!(host.names.borrow().is_empty(), "a refused configuration defines no metric");
    }

    #[test]
    fn the_same_document_again_compiles_nothing_and_defines_no_metric() {
        let mut vm = Vm::default();
        let host = Fake::with_headers(DOCUMENT, &[]);
        let first = Serving::configure(&mut vm, &host).unwrap();
        let defined = host.names.borrow().len();
        assert_eq!(defined, name::stats_per_rollout() + 2);
        let second = Serving::configure(&mut vm, &host).unwrap();
        assert_eq!(host.names.borrow().len(), defined);
        assert!(Rc::ptr_eq(&first.meters, &second.meters));
        assert!(Rc::ptr_eq(&first.snapshot.unwrap().plan, &second.snapshot.unwrap().plan));
    }

    #[test]
    fn counters_and_scores_cost_what_is_promised() {
        let measures = r#""counters": {"c": {"status": 429}}, "scores": {"s": {"responseHeader": "x-s"}}, "outputs""#;
        let host = Fake::with_headers(&DOCUMENT.replacen(r#""outputs""#, measures, 1), &[]);
        Serving::configure(&mut Vm::default(), &host).unwrap();
        let promised = [name::stats_per_rollout(), name::stats_per_counter(), name::stats_per_score()];
        assert_eq!(promised, [104, 40, 126], "as README says");
        assert_eq!(host.names.borrow().len(), promised.iter().sum::<usize>() + 2);
    }

    #[test]
    fn a_segment_costs_what_is_promised_and_only_a_rollout_that_is_judged_by_it() {
        let measures = r#""segments": {"beta": {"==": [{"var": "tier"}, "beta"]}, "nz": {"var": "nz"}},
            "counters": {"c": {"status": 429}}, "scores": {"s": {"responseHeader": "x-s"}, "t": {"responseHeader": "x-t"}}, "outputs""#;
        let defined = |document: &str| {
            let host = Fake::with_headers(document, &[]);
            Serving::configure(&mut Vm::default(), &host).unwrap();
            let names = host.names.into_inner();
            assert_eq!(names.iter().filter(|name| name.contains("segment")).count() > 0, document.contains("analysis"));
            names.len()
        };
        let plain = DOCUMENT.replacen(r#""outputs""#, measures, 1);
        let by_segment = plain.replacen(r#""stages""#, r#""analysis": {"segments": {}}, "stages""#, 1);
        assert_eq!(
            (name::stats_per_segment(0, 0), name::stats_per_segment(1, 2)),
            (98, 98 + 40 + 2 * 120),
            "as README says"
        );
        assert_eq!(defined(&by_segment), defined(&plain) + 2 * name::stats_per_segment(1, 2));
    }

    #[test]
    fn the_generation_shows_when_a_worker_says_so_and_not_before() {
        let envelope = weir_core::snapshot::write(7, &weir_core::snapshot::State::default(), DOCUMENT);
        let host = Fake::with_headers(&envelope, &[]);
        let serving = Serving::configure(&mut Vm::default(), &host).unwrap();
        assert_eq!(host.value("weir_generation"), 0);
        serving.announce(&host);
        assert_eq!(host.value("weir_generation"), 7);
    }
}
