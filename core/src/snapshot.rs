//! The wire contract downwards: what a filter gets as its configuration. Owns the envelope's two directions, written by the controller
//! and read by the filter. Knows no Envoy.

use std::collections::BTreeMap;

use crate::share::Share;

/// What changes without the document: kills, masks and weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The global kill: every flag serves control, or its defaultVariant.
    pub kill: bool,
    /// By flag key; a flag that is not here has [`FlagState::default`].
    pub flags: BTreeMap<String, FlagState>,
}

/// One flag's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlagState {
    /// The candidate's share of those whom targeting does not answer.
    pub weight: Share,
    /// Rolled back: whoever would get the candidate gets control.
    pub mask: bool,
    /// Killed: everybody gets control, or the defaultVariant where there is no rollout.
    pub kill: bool,
}
