//! [`Vm`]: what outlives a configuration in one virtual machine: compiled documents, so that a push of state alone compiles nothing, and the
//! numbers of metrics, because each definition would give a new one. A worker has one; Envoy's canary has one of its own, for one configuration.

use std::collections::HashMap;
use std::rc::Rc;

use weir_core::name::Metric;
use weir_core::plan::Plan;
use weir_core::snapshot::PlanCache;

use crate::host::{Host, Kind, MetricId};
use crate::meter::Meters;

/// The state of a virtual machine.
#[derive(Debug, Default)]
pub struct Vm {
    /// Compiled documents by hash.
    pub plans: PlanCache,
    metrics: HashMap<String, MetricId>,
    meters: Vec<(Rc<Plan>, Rc<Meters>)>,
}

/// As many as compiled documents are kept.
const CACHED: usize = 2;

impl Vm {
    /// The number of a metric, defined at the first call.
    pub fn metric(&mut self, metric: &Metric<'_>, host: &impl Host) -> Option<MetricId> {
        let name = metric.to_string();
        if let Some(id) = self.metrics.get(&name) {
            return Some(*id);
        }
        let id = host.define(Kind::of(metric), &name)?;
        self.metrics.insert(name, id);
        Some(id)
    }

    /// The meters of a plan: those of the last time where the document is the same.
    pub fn meters(&mut self, plan: &Rc<Plan>, host: &impl Host) -> Rc<Meters> {
        if let Some((_, meters)) = self.meters.iter().find(|(known, _)| Rc::ptr_eq(known, plan)) {
            return Rc::clone(meters);
        }
        let meters = Rc::new(Meters::define(plan, self, host));
        self.meters.push((Rc::clone(plan), Rc::clone(&meters)));
        let surplus = self.meters.len().saturating_sub(CACHED);
        self.meters.drain(..surplus);
        meters
    }
}
