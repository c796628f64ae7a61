//! [`Code`]: every kind of finding, by a stable name. One table: name, severity, title, and the explanation that `weir validate --explain CODE` prints.
//! A name never changes its meaning and is never used again. Knows nothing of how a finding is found.

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The document is refused.
    Error,
    /// It is loaded, as flagd loads it, and can't mean what was written.
    Defect,
    /// It means what it says, and may not say what was meant.
    Warning,
}

impl Severity {
    /// `error`, `defect` or `warning`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Defect => "defect",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! codes {
    ($($code:ident $name:literal $severity:ident $title:literal $explanation:literal)+) => {
        /// The kind of a finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $code,)+
        }

        impl Code {
            /// All of them: errors, then defects, then warnings.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// Its stable name, such as `E-STATE`: E for errors, D for defects, W for warnings.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$code => $name,)+ }
            }

            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$code => Severity::$severity,)+ }
            }

            /// What it is, in one line.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$code => $title,)+ }
            }

            /// Why it is one and what to do, with an example. Markdown.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$code => $explanation,)+ }
            }
        }
    };
}

impl Code {
    /// The code of that name, in any case of letters.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

codes! {
    Syntax "E-JSON" Error "the text is not JSON"
    "The parser stopped at this line and column. Comments and commas after the last element are not JSON, nor are numbers beyond a double's range; arrays and objects may be nested 128 deep.\n\n`{\"flags\": {},}` -> `{\"flags\": {}}`"
    Limit "E-LIMIT" Error "a limit is exceeded"
    "Documents are bounded so that no document can stall a proxy: docs/findings.md lists the limits. A document may lower some of them for itself under `weir.limits`, an operator for everybody in `weir.toml`; nobody can raise them."
    Document "E-DOCUMENT" Error "this is no flag document"
    "A document is an object with `flags`: an object of flags by key, or the flagd daemon's array of flags that each have a `key`. A flag is an object with `state` and `variants`. No engine of flagd loads anything else.\n\n`{\"flags\": {\"banner\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true, \"off\": false}, \"defaultVariant\": \"off\"}}}`"
    State "E-STATE" Error "state is neither ENABLED nor DISABLED"
    "flagd refuses the whole document. In capitals, and not left out.\n\n`\"state\": \"enabled\"` -> `\"state\": \"ENABLED\"`"
    DefaultVariant "E-DEFAULT-VARIANT" Error "defaultVariant is no variant of the flag"
    "flagd refuses the whole document. Name one of the keys of `variants`, or use null or leave it out: then the application's own default counts.\n\n`\"variants\": {\"on\": true, \"off\": false}, \"defaultVariant\": \"of\"` -> `\"defaultVariant\": \"off\"`"
    Circle "E-CIRCLE" Error "references go round in a circle"
    "An evaluator refers to itself, directly or through others, so no rule that uses it comes to an end.\n\n`\"$evaluators\": {\"a\": {\"!\": [{\"$ref\": \"b\"}]}, \"b\": {\"!\": [{\"$ref\": \"a\"}]}}`"
    UnknownKey "E-UNKNOWN-KEY" Error "a key that Weir does not know"
    "Under `weir` nothing is passed over in silence: a key that is misspelt would otherwise be a setting that is not there. Names that are near are suggested. Outside `weir` the document is flagd's, which passes over keys that it does not know: see D-UNKNOWN-KEY.\n\n`\"rolouts\"` -> `\"rollouts\"`"
    DuplicateKey "E-DUPLICATE-KEY" Error "a key stands twice under weir"
    "One of the two would be lost, and nobody could tell which was meant. Keep one. Outside `weir` the last one counts, as in flagd: see D-DUPLICATE-KEY."
    Required "E-REQUIRED" Error "something is missing under weir"
    "The key has no default, so it must be there; the finding says what it takes.\n\n`\"weir\": {}` -> `\"weir\": {\"version\": 1}`"
    Value "E-VALUE" Error "a value under weir is not allowed there"
    "It is of the wrong kind, or out of the range that the finding names. Shares are `\"5%\"` or whole parts per million, durations `\"250ms\"`, `\"90s\"`, `\"10m\"`, `\"2h\"`, `\"7d\"`.\n\n`\"for\": \"10 minutes\"` -> `\"for\": \"10m\"`"
    Unsupported "E-UNSUPPORTED" Error "this version does not act on it yet"
    "The document's format has a place for it, but this version of Weir would do nothing with it, and a setting without effect is worse than none. Take it out until a version that has it."
    UnknownFlag "E-UNKNOWN-FLAG" Error "weir speaks of a flag that the document does not have"
    "Outputs and rollouts are named by the key of a flag under `flags`. A flag that is itself refused does not count.\n\n`\"flags\": {\"checkout\": ...}, \"weir\": {\"outputs\": {\"chekout\": ...}}` -> `\"checkout\"`"
    Variant "E-VARIANT" Error "control or candidate is no variant of the flag"
    "Both name keys of the flag's `variants`, and two different ones.\n\n`\"variants\": {\"stable\": \"v1\", \"next\": \"v2\"}` goes with `\"control\": \"stable\", \"candidate\": \"next\"`"
    Name "E-NAME" Error "a name that can't go into a header, a metric or a rule"
    "The key of a flag with an output, and the names of its variants, become part of headers and metrics: 1 to 64 letters, digits, `.`, `_` or `-`. An attribute's name has no dot, for in `var` a dot means a field of it; `targetingKey` is given by `identity`, `$flagd` by Weir."
    Header "E-HEADER" Error "a header that can't be used so"
    "Weir removes incoming copies of the headers that it writes, since they could be forged. So each output has a header of its own, and none of them is one that identity or attributes read."
    Identity "E-IDENTITY" Error "rollouts without identity"
    "A rollout splits users by their targetingKey; without `weir.identity` nobody has one.\n\n`\"identity\": [{\"header\": \"x-user-id\"}, {\"cookie\": \"session\"}]`"
    Output "E-OUTPUT" Error "a rollout without an output"
    "The candidate gets its requests by a routing header; without `weir.outputs.FLAG.requestHeader` the rollout would move nobody and judge nothing.\n\n`\"outputs\": {\"checkout\": {\"requestHeader\": \"x-weir-checkout\"}}`"
    Stages "E-STAGES" Error "stages that do not lead to 100 %"
    "Weights rise from stage to stage, so that who is in stays in, and the last stage is 100 %. Every stage but the last says how long it lasts.\n\n`[{\"weight\": \"5%\", \"for\": \"10m\"}, {\"weight\": \"100%\"}]`"
    Envelope "E-ENVELOPE" Error "the envelope around a document is not one"
    "What the controller sends to proxies. A filter refuses it if it was changed on its way or comes from a newer controller."
    Setting "E-SETTING" Error "a setting in weir.toml that is not allowed"
    "README lists all settings with what they take."
    Input "E-INPUT" Error "a request or an input that is not taken"
    "The body of a request to the API, or the JSON given to `weir calc` and `weir judge`: the finding names the field and what it takes."
    Conflict "E-CONFLICT" Error "users would change variant without a decision"
    "A rollout under way, or ended at 100 %, has put users on its candidate; this document takes it away from them at once. Roll back or make the candidate the defaultVariant first, or `weir apply --force --reason WHY`."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unlike_each_other_and_begin_with_their_severity() {
        let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        for code in Code::ALL {
            let initial = match code.severity() {
                Severity::Error => "E-",
                Severity::Defect => "D-",
                Severity::Warning => "W-",
            };
            assert!(code.name().starts_with(initial), "{code}");
            assert_eq!(Code::parse(&code.name().to_lowercase()), Some(*code));
            assert!(code.title().len() < 80 && code.explanation().len() > 40, "{code}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.is_sorted_by_key(|code| code.severity()));
        assert_eq!(Code::parse("E-NONE"), None);
    }
}
