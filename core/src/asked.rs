//! [`Asked`]: what a decision asks of a request: path, identity, attributes, time, segments. Owns where each comes from and that none is read twice or without need;
//! decides nothing.

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::document::{AttributeSource, IdentitySource};
use crate::plan::Plan;
use crate::rule::{Attribute, Context, Question, Rule, TARGETING_KEY, Value};
use crate::segment::Membership;

/// The longest targetingKey, in bytes.
pub const MAX_KEY_BYTES: usize = 512;

/// What can be asked of a request. Each call may cost a crossing into the host, so nothing is asked twice or without need.
pub trait Request {
    /// The first value of a header, by lower-case name (`:path` is one too).
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>>;

    /// Milliseconds since the Unix epoch; asked only for a rule that uses the time.
    fn now_ms(&self) -> u64;
}

/// The targetingKey.
#[derive(Debug)]
pub(crate) enum Identity {
    Absent,
    Bad,
    Key(String),
}

/// A request, and what was read of it so far.
pub(crate) struct Asked<'r, R> {
    request: &'r R,
    plan: &'r Plan,
    path: OnceCell<Option<Cow<'r, [u8]>>>,
    cookies: OnceCell<Option<Cow<'r, [u8]>>>,
    identity: OnceCell<Identity>,
    /// By slot; made with the first attribute that is asked for.
    attributes: OnceCell<Vec<OnceCell<Option<String>>>>,
    now_ms: OnceCell<u64>,
    membership: OnceCell<Membership>,
}

impl<'r, R: Request> Asked<'r, R> {
    pub(crate) const fn new(request: &'r R, plan: &'r Plan) -> Self {
        Self {
            request,
            plan,
            path: OnceCell::new(),
            cookies: OnceCell::new(),
            identity: OnceCell::new(),
            attributes: OnceCell::new(),
            now_ms: OnceCell::new(),
            membership: OnceCell::new(),
        }
    }

    /// The path with its query.
    pub(crate) fn path(&self) -> Option<&[u8]> {
        self.path.get_or_init(|| self.request.header(":path")).as_deref()
    }

    /// The question for a rule, of that flag. The time is asked for only if the rule needs it.
    pub(crate) fn question<'a>(&'a self, flag: &'a str, rule: &Rule) -> Question<'a> {
        let now_ms = if rule.needs_time() { *self.now_ms.get_or_init(|| self.request.now_ms()) } else { 0 };
        Question::new(flag, self).at(now_ms).hashing(self.plan.hashing).within(self.plan.work)
    }

    /// The segments that the user is in, found once for all flags: what a segment's rule asks of the flag is an empty text.
    pub(crate) fn membership(&self) -> Membership {
        let segments = &self.plan.segments;
        *self.membership.get_or_init(|| Membership::of(segments, |rule| self.question("", rule)))
    }

    /// The first source that has a value; an empty one is none.
    pub(crate) fn identity(&self) -> &Identity {
        self.identity.get_or_init(|| {
            let found = self.plan.identity.iter().find_map(|source| {
                let value = match source {
                    IdentitySource::Header(name) => self.request.header(name)?.into_owned(),
                    IdentitySource::Cookie(name) => self.cookie(name)?.to_vec(),
                };
                (!value.is_empty()).then_some(value)
            });
            match found.map(String::from_utf8) {
                None => Identity::Absent,
                Some(Ok(key)) if key.len() <= MAX_KEY_BYTES => Identity::Key(key),
                Some(_) => Identity::Bad,
            }
        })
    }

    fn cookie(&self, name: &str) -> Option<&[u8]> {
        let header = self.cookies.get_or_init(|| self.request.header("cookie")).as_deref()?;
        cookie(header, name.as_bytes())
    }

    /// The attribute as text; bytes that are not UTF-8 are none.
    fn read(&self, source: &AttributeSource) -> Option<String> {
        let bytes = match source {
            AttributeSource::Header(name) => self.request.header(name)?.into_owned(),
            AttributeSource::Cookie(name) => self.cookie(name)?.to_vec(),
            AttributeSource::Query(name) => query(self.path()?, name.as_bytes())?,
            AttributeSource::Path => self.path()?.split(|b| matches!(b, b'?' | b'#')).next()?.to_vec(),
            AttributeSource::Method => self.request.header(":method")?.into_owned(),
            AttributeSource::Host => self.request.header(":authority")?.into_owned(),
            AttributeSource::Constant(_) => return None,
        };
        String::from_utf8(bytes).ok()
    }

    fn attribute(&self, slot: usize) -> Option<Value<'_>> {
        let source = self.plan.sources.get(slot)?.as_ref()?;
        if let AttributeSource::Constant(json) = source {
            return Some(Value::from(json));
        }
        let slots = self.attributes.get_or_init(|| self.plan.sources.iter().map(|_| OnceCell::new()).collect());
        slots.get(slot)?.get_or_init(|| self.read(source)).as_deref().map(Value::text_of)
    }

    fn targeting_key(&self) -> Option<Value<'_>> {
        match self.identity() {
            Identity::Key(key) => Some(Value::text_of(key)),
            Identity::Absent | Identity::Bad => None,
        }
    }
}

impl<R: Request> Context for Asked<'_, R> {
    fn get(&self, attribute: &Attribute) -> Option<Value<'_>> {
        if attribute.slot == 0 { self.targeting_key() } else { self.attribute(attribute.slot) }
    }

    fn find(&self, name: &str) -> Option<Value<'_>> {
        if name == TARGETING_KEY {
            return self.targeting_key();
        }
        self.attribute(self.plan.attributes.iter().position(|other| other == name)?)
    }

    fn all(&self) -> Value<'_> {
        let names = self.plan.attributes.iter().map(String::as_str);
        Value::map(names.filter_map(|name| Some((name, self.find(name)?))).collect())
    }
}

/// The first value of a query's parameter, percent-decoded, with + as a blank.
fn query(path: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let start = path.iter().position(|b| *b == b'?')?.saturating_add(1);
    let query = path.get(start..)?.split(|b| *b == b'#').next()?;
    query.split(|b| *b == b'&').find_map(|pair| {
        let mut parts = pair.splitn(2, |b| *b == b'=');
        let key = decoded(parts.next()?);
        (key == name).then(|| decoded(parts.next().unwrap_or_default()))
    })
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push((high << 4) | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => bytes.push(if *first == b'+' { b' ' } else { *first }),
        }
    }
    bytes
}

/// The value of the first cookie of that name (RFC 6265, 4.2.1): names are compared exactly, blanks around and one pair of quotes are dropped.
fn cookie<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    header.split(|b| *b == b';').find_map(|pair| {
        let equals = pair.iter().position(|b| *b == b'=')?;
        let (key, value) = pair.split_at_checked(equals)?;
        let value = value.strip_prefix(b"=")?.trim_ascii();
        (key.trim_ascii() == name)
            .then(|| value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value))
    })
}
