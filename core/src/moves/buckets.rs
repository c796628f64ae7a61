//! How `fractional` splits users: its key as what is hashed, its buckets as ends in the hash space.

use super::grown::{Builder, Given, computed, has_fractional, key_there, null};
use super::tree::{Condition, Hashed, KEY, Node, Piece, split};
use crate::document::Hashing;
use crate::hash::murmur3_32_parts;
use crate::json::Json;
use crate::rule::Value;
use crate::rule::cbor;
use crate::rule::fractional::{MOST, bucket};
use crate::rule::operation;
use crate::words::{self, arguments};

/// All hashes.
pub(super) const SPACE: u64 = 1 << 32;

/// Buckets by the hash that ends them.
type Buckets<'b> = Vec<(u64, Node<Given<'b>>)>;

impl<'b> Builder<'b> {
    /// `None` if weights are computed.
    pub(super) fn fractional(&self, operands: &'b [Json]) -> Option<Node<Given<'b>>> {
        let (key, buckets) = match operands.split_first() {
            None => return Some(null()),
            Some((Json::Array(_), _)) => (None, operands),
            Some((first, rest)) => (Some(first), rest),
        };
        let Some(buckets) = self.buckets(buckets)? else { return Some(null()) };
        Some(match (key, self.hashing) {
            (None, _) => self.implicit(buckets),
            (Some(key), hashing) => match operation(key) {
                None => self.constant(key, buckets),
                Some(("cat", operand)) => split(self.source(Hashed::Text(self.pieces(arguments(operand)))), buckets),
                Some(_) if self.expanded(key).compact() == KEY => {
                    let there = split(self.source(Hashed::Text(vec![Piece::Rule(KEY.to_owned())])), buckets);
                    Node::choice(key_there(), there, null())
                }
                Some(_) => {
                    let canon = self.expanded(key).compact();
                    let (is, otherwise) = match hashing {
                        Hashing::FlagdV3 => ("is not null", null()),
                        Hashing::FlagdV2 => ("is a text", computed(key)),
                    };
                    let condition = Condition {
                        canon: format!("{canon} {is}"),
                        words: format!("{} {is}", words::rule(key)),
                        splits: has_fractional(&self.expanded(key)),
                    };
                    Node::choice(condition, split(self.source(Hashed::Value(canon)), buckets), otherwise)
                }
            },
        })
    }

    fn implicit(&self, buckets: Buckets<'b>) -> Node<Given<'b>> {
        let flag = self.flag.key.clone();
        let hashed = match self.hashing {
            Hashing::FlagdV3 => Hashed::Pair(flag),
            Hashing::FlagdV2 => Hashed::Text(vec![Piece::Constant(flag), Piece::Rule(KEY.to_owned())]),
        };
        Node::choice(key_there(), split(self.source(hashed), buckets), null())
    }

    /// A constant puts everybody at one hash.
    fn constant(&self, key: &Json, buckets: Buckets<'b>) -> Node<Given<'b>> {
        let hash = match (self.hashing, key) {
            (_, Json::Null)
            | (Hashing::FlagdV2, Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => None,
            (Hashing::FlagdV2, Json::String(text)) => Some(murmur3_32_parts(&[text.as_bytes()])),
            (Hashing::FlagdV3, _) => {
                let mut bytes = Vec::new();
                cbor::encode(&mut bytes, &Value::from(key));
                Some(murmur3_32_parts(&[&bytes]))
            }
        };
        let chosen = hash.and_then(|hash| buckets.into_iter().find(|(end, _)| u64::from(hash) < *end));
        chosen.map_or_else(null, |(_, tree)| tree)
    }

    /// Ends in the hash space; outer `None` if something is computed that has to be constant, inner if they are malformed.
    fn buckets(&self, arguments: &'b [Json]) -> Option<Option<Buckets<'b>>> {
        let mut parts = Vec::with_capacity(arguments.len());
        let mut total: u32 = 0;
        for argument in arguments {
            let Json::Array(items) = argument else {
                return if operation(argument).is_some() { None } else { Some(None) };
            };
            let [variant, weight @ ..] = items.as_slice() else { return Some(None) };
            if weight.iter().any(|weight| operation(weight).is_some()) {
                return None;
            }
            // Only the weight is looked at: the variant may be a rule of its own.
            let weighed = Json::Array([Json::Null].into_iter().chain(weight.iter().cloned()).collect());
            let Some((_, weight)) = bucket(&Value::from(&weighed)) else { return Some(None) };
            total = match total.checked_add(weight) {
                Some(sum) if sum <= MOST => sum,
                _ => return Some(None),
            };
            parts.push((total, self.rule(variant)));
        }
        if total == 0 {
            return Some(None);
        }
        Some(Some(parts.into_iter().map(|(end, tree)| (boundary(end, total), tree)).collect()))
    }

    /// What `cat` joins.
    fn pieces(&self, arguments: &[Json]) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for argument in arguments {
            let expanded = self.expanded(argument);
            let constant = match (operation(&expanded), &expanded) {
                (None, json) => Some(Value::from(json).part().to_string()),
                (Some(("var", Json::String(name))), _) if name == "$flagd.flagKey" => Some(self.flag.key.clone()),
                _ => None,
            };
            match (constant, pieces.last_mut()) {
                (Some(text), Some(Piece::Constant(before))) => before.push_str(&text),
                (Some(text), _) => pieces.push(Piece::Constant(text)),
                (None, _) => pieces.push(Piece::Rule(expanded.compact())),
            }
        }
        pieces
    }
}

/// The first hash that is at this place or beyond: `(hash x total) >> 32 < place` holds for all before it.
pub(super) fn boundary(place: u32, total: u32) -> u64 {
    u64::from(place).saturating_mul(SPACE).div_ceil(u64::from(total.max(1)))
}
