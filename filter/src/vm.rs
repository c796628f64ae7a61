//! [`Vm`]: what outlives a configuration in one virtual machine: compiled documents, so that a push of state alone compiles nothing, and the
//! numbers of metrics, because each definition would give a new one. A worker has one; Envoy's canary has one of its own, for one configuration.

use std::rc::Rc;

use weir_core::plan::Plan;
use weir_core::snapshot::PlanCache;

use crate::host::Host;
use crate::meter::{Ids, Meters};

/// The state of a virtual machine.
#[derive(Debug, Default)]
pub struct Vm {
    /// Compiled documents by hash.
    pub plans: PlanCache,
    /// Numbers of metrics by name.
    pub ids: Ids,
    meters: Vec<(Rc<Plan>, Rc<Meters>)>,
}

/// As many as compiled documents are kept.
const CACHED: usize = 2;

impl Vm {
    /// The meters of a plan: those of the last time where the document is the same.
    pub fn meters(&mut self, plan: &Rc<Plan>, host: &impl Host) -> Rc<Meters> {
        if let Some((_, meters)) = self.meters.iter().find(|(known, _)| Rc::ptr_eq(known, plan)) {
            return Rc::clone(meters);
        }
        let meters = Rc::new(Meters::define(plan, &mut self.ids, host));
        self.meters.push((Rc::clone(plan), Rc::clone(&meters)));
        let surplus = self.meters.len().saturating_sub(CACHED);
        self.meters.drain(..surplus);
        meters
    }
}
