//! [`Reason`]: why a request got what it got, in the words of metrics and of people. Owns the names.

/// Why a decision came out as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The rollout's split assigned the variant: the only requests that the judge counts.
    Split,
    /// The global kill: control, or defaultVariant where there is no rollout.
    GlobalKill,
    /// The flag's own kill.
    Kill,
    /// Rolled back: what would have been the candidate is control.
    Mask,
    /// The flag's targeting named the variant.
    Targeting,
    /// The flag's targeting could not be evaluated, or named a variant that the flag does not have.
    Error,
    /// No source of identity had a value.
    NoIdentity,
    /// The identity is not UTF-8, empty or too long.
    BadIdentity,
    /// The flag is DISABLED: no decision.
    Disabled,
    /// No rollout and no targeting: the defaultVariant.
    Static,
    /// The flag has no defaultVariant: no decision, the code's own default.
    CodeDefault,
}

/// The reasons under which `weir_unassigned` counts: those by which a flag *with* a rollout is not split.
pub const UNASSIGNED: [Reason; 8] = [
    Reason::GlobalKill,
    Reason::Kill,
    Reason::Mask,
    Reason::Targeting,
    Reason::Error,
    Reason::NoIdentity,
    Reason::BadIdentity,
    Reason::Disabled,
];

impl Reason {
    /// The word in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::GlobalKill => "global_kill",
            Self::Kill => "kill",
            Self::Mask => "mask",
            Self::Targeting => "targeting",
            Self::Error => "error",
            Self::NoIdentity => "no_identity",
            Self::BadIdentity => "bad_identity",
            Self::Disabled => "disabled",
            Self::Static => "static",
            Self::CodeDefault => "code_default",
        }
    }

    /// The reason of that name, among [`UNASSIGNED`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        UNASSIGNED.into_iter().find(|r| r.name() == name)
    }
}
