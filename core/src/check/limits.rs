//! [`Limits`]: how much a document may be, so that none can stall a proxy. The greatest values are fixed; an operator lowers them for everybody, a
//! document for itself under `weir.limits`.

use super::fields::Fields;
use super::{MAX_DOCUMENT_BYTES, MAX_FLAGS, MAX_VARIANTS};
use crate::code::Code;
use crate::finding::{Findings, Path};
use crate::json::Json;
use crate::rule::{MAX_DEPTH, MAX_NODES, MAX_WORK};

/// Six limits, each from 1 to its greatest value, which is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document's text. At most [`MAX_DOCUMENT_BYTES`].
    pub document_bytes: usize,
    /// Flags of a document. At most [`MAX_FLAGS`].
    pub flags: usize,
    /// Variants of a flag. At most [`MAX_VARIANTS`].
    pub variants: usize,
    /// Operators of a rule below each other, evaluators included. At most [`MAX_DEPTH`].
    pub depth: usize,
    /// Nodes of all rules of a document; a constant list counts as one. At most [`MAX_NODES`].
    pub nodes: usize,
    /// Work of one evaluation: operators evaluated, items of lists touched and 16-byte pieces of text made. At most [`MAX_WORK`].
    pub work: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: MAX_DOCUMENT_BYTES,
            flags: MAX_FLAGS,
            variants: MAX_VARIANTS,
            depth: MAX_DEPTH,
            nodes: MAX_NODES,
            work: usize::try_from(MAX_WORK).unwrap_or(usize::MAX),
        }
    }
}

impl Limits {
    /// [`Limits::work`] as an evaluation counts it.
    pub(crate) fn work(&self) -> u32 {
        u32::try_from(self.work).unwrap_or(MAX_WORK)
    }

    /// Their names as settings and flags of commands spell them; a document spells the first `documentBytes`.
    pub const NAMES: [&str; 6] = ["document_bytes", "flags", "variants", "depth", "nodes", "work"];

    /// The limit of that name.
    #[must_use]
    pub const fn get(&self, name: &str) -> Option<usize> {
        let mut copy = *self;
        match copy.named(name) {
            Some(limit) => Some(*limit),
            None => None,
        }
    }

    /// Sets one.
    ///
    /// # Errors
    /// What is allowed instead: there is no limit of that name, or it is not from 1 to the greatest value.
    pub fn lower(&mut self, name: &str, value: u64) -> Result<(), String> {
        let Some(most) = Self::default().get(name) else { return Err(format!("one of {}", Self::NAMES.join(", "))) };
        match (usize::try_from(value), self.named(name)) {
            (Ok(value), Some(limit)) if (1..=most).contains(&value) => {
                *limit = value;
                Ok(())
            }
            _ => Err(format!("a whole number from 1 to {most}: limits can only be lowered")),
        }
    }

    /// The lower of two, each by each.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for name in Self::NAMES {
            if let (Some(limit), Some(other)) = (self.named(name), other.get(name)) {
                *limit = other.min(*limit);
            }
        }
        self
    }

    const fn named(&mut self, name: &str) -> Option<&mut usize> {
        Some(match name.as_bytes() {
            b"document_bytes" => &mut self.document_bytes,
            b"flags" => &mut self.flags,
            b"variants" => &mut self.variants,
            b"depth" => &mut self.depth,
            b"nodes" => &mut self.nodes,
            b"work" => &mut self.work,
            _ => return None,
        })
    }
}

/// What a document says of itself under `weir.limits`; what is wrong there is said where the rest of `weir` is read.
pub(super) fn own(root: &Json) -> Limits {
    let mut limits = Limits::default();
    let Some(own) = root.field("weir").and_then(|weir| weir.field("limits")) else { return limits };
    for name in Limits::NAMES {
        let value = own.field(in_document(name)).and_then(Json::as_number).and_then(whole);
        // A value that is out of range is refused by `read`.
        value.map(|value| limits.lower(name, value).ok());
    }
    limits
}

/// Proxies know the document alone: how much work they may do it must say itself, where an operator allows less than the most.
pub(super) fn agree(own: &Limits, operator: &Limits, findings: &mut Findings) {
    if own.work > operator.work {
        let root = Path::Root;
        let weir = root.key("weir");
        let limits = weir.key("limits");
        let allowed = format!("at most {}, which the operator allows: proxies go by the document", operator.work);
        findings.add(Code::Limit, &limits.key("work"), format_args!("work of {}", own.work), allowed);
    }
}

/// Checks `weir.limits`.
pub(super) fn read(weir: &Fields<'_>, findings: &mut Findings) {
    let path = weir.path.key("limits");
    let Some(json) = weir.object("limits", findings) else { return };
    let Some(fields) = Fields::read(json, &path, &Limits::NAMES.map(in_document), findings) else { return };
    for name in Limits::NAMES {
        let Some(value) = fields.get(in_document(name)) else { continue };
        let value = value.as_number().and_then(whole).unwrap_or(0);
        if let Err(allowed) = Limits::default().lower(name, value) {
            fields.refuse(in_document(name), allowed, findings);
        }
    }
}

fn in_document(name: &str) -> &str {
    if name == "document_bytes" { "documentBytes" } else { name }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: whole and within 2^53")]
fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
}
