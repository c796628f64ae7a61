//! What the controller tells of itself: one [`Status`] for people and programs, and the same as Prometheus text. Owns the shape of the
//! answers, which the command line reads back; decides nothing.

mod answer;
mod metrics;
mod status;

pub(crate) use answer::none_left_out;
pub use answer::{Answer, Failure, FindingText, StaleFlags};
pub use metrics::text as metrics;
pub use status::{
    Alarm, Applied, DocumentStatus, Observed, ProxyStatus, ProxyWeight, RolloutStatus, StageStatus, Status, Totals,
    Transition,
};
