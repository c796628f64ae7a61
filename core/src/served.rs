//! [`Served`]: what a user gets of a flag from a proxy, told in flagd's words and asked for with a context instead of a request. Owns the translation of the
//! precedence of `decide` (kill, mask, targeting, split, defaultVariant), which a property test compares it with; knows no request.

use crate::decide::MAX_KEY_BYTES;
use crate::document::{Flag, Rollout};
use crate::evaluate::{FlagSet, Reason, Resolution};
use crate::plan::Split;
use crate::rule::{Context, TARGETING_KEY, Value};
use crate::snapshot::{FlagState, State};

/// Flags with the state that a proxy has for them.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// The flags.
    pub flags: &'a FlagSet,
    /// Weights, masks and kills. A flag that it does not name has weight 0.
    pub state: &'a State,
}

impl<'a> Served<'a> {
    /// What the flag is in this context at this time, in milliseconds since the Unix epoch.
    ///
    /// Where a rule can't be evaluated the reason is [`Reason::Error`] and the variant is what a proxy serves then: control. Without a rollout it is flagd's answer,
    /// an error without a value.
    #[must_use]
    pub fn resolve(&self, key: &str, context: &'a dyn Context, now_ms: u64) -> Resolution<'a> {
        let Some(flag) = self.flags.flag(key).filter(|flag| flag.enabled) else {
            return self.flags.evaluate(key, context, now_ms);
        };
        let state = self.state.flags.get(key).copied().unwrap_or_default();
        if self.state.kill || state.kill {
            return self.killed(flag);
        }
        let resolution = self.flags.evaluate(key, context, now_ms);
        match &flag.rollout {
            Some(rollout) => self.rolled_out(flag, rollout, state, resolution, context),
            None => resolution,
        }
    }

    /// Everybody has the same then: control, or the defaultVariant where there is no rollout.
    fn killed(&self, flag: &'a Flag) -> Resolution<'a> {
        match &flag.rollout {
            Some(rollout) => self.variant(flag, &rollout.control, Reason::Static),
            None => {
                let reason = if flag.default_variant.is_some() { Reason::Static } else { Reason::Default };
                Resolution::new(flag, flag.default_variant, reason, self.flags.document())
            }
        }
    }

    fn rolled_out(
        &self,
        flag: &'a Flag,
        rollout: &'a Rollout,
        state: FlagState,
        resolution: Resolution<'a>,
        context: &dyn Context,
    ) -> Resolution<'a> {
        match resolution.reason {
            Reason::TargetingMatch if state.mask && resolution.variant == Some(rollout.candidate.as_str()) => {
                self.variant(flag, &rollout.control, Reason::TargetingMatch)
            }
            Reason::Error => {
                let mut served = self.variant(flag, &rollout.control, Reason::Error);
                served.error = resolution.error;
                served
            }
            Reason::Static | Reason::Default => {
                let Some(key) = targeting_key(context) else {
                    return self.variant(flag, &rollout.control, Reason::Default);
                };
                let place = Split::new(&rollout.salt, self.flags.document().hashing).place(&key);
                let candidate = place < state.weight.ppm() && !state.mask;
                let name = if candidate { &rollout.candidate } else { &rollout.control };
                self.variant(flag, name, Reason::Split)
            }
            Reason::TargetingMatch | Reason::Disabled | Reason::Split => resolution,
        }
    }

    fn variant(&self, flag: &'a Flag, name: &str, reason: Reason) -> Resolution<'a> {
        let index = flag.variants.iter().position(|variant| variant.name == name);
        Resolution::new(flag, index, reason, self.flags.document())
    }
}

/// The targetingKey as a proxy takes it: a text, not empty, not longer than [`MAX_KEY_BYTES`].
#[must_use]
pub fn targeting_key(context: &dyn Context) -> Option<String> {
    match context.find(TARGETING_KEY) {
        Some(Value::Text(key)) if !key.is_empty() && key.len() <= MAX_KEY_BYTES => Some((*key).to_owned()),
        _ => None,
    }
}
