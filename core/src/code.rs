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
    Metric "E-METRIC" Error "a metric, goal, score or segments that nobody counts"
    "A guardrail's metric is `latency`, one that is always counted (`errors` and the like), or the name of one of `weir.counters`; so is a goal of `analysis`, and a score one of `weir.scores`. The nearest is suggested. `analysis.segments` needs at least one of `weir.segments`.\n\n`\"counters\": {\"fallback\": {\"responseHeader\": \"x-fallback\"}}` goes with `{\"metric\": \"fallback\", \"ratio\": 1.5}`"
    Envelope "E-ENVELOPE" Error "the envelope around a document is not one"
    "What the controller sends to proxies. A filter refuses it if it was changed on its way or comes from a newer controller."
    Setting "E-SETTING" Error "a setting in weir.toml that is not allowed"
    "README lists all settings with what they take."
    Input "E-INPUT" Error "a request or an input that is not taken"
    "The body of a request to the API, or the JSON given to `weir calc` and `weir judge`: the finding names the field and what it takes."
    Conflict "E-CONFLICT" Error "users would change variant without a decision"
    "A rollout under way, or ended at 100 %, has put users on its candidate; this document takes it away from them at once. Roll back or make the candidate the defaultVariant first, or `weir apply --force --reason WHY`."
    Source "E-SOURCE" Error "a custom check that this controller can't ask"
    "A guardrail with a `query` needs `[prometheus]` in the controller's `weir.toml`, one with a `webhook` needs `[webhooks.NAME]` there. A document names a webhook and never has its address. Without a controller nobody knows, so only `weir apply` and the API say it.\n\n`[webhooks.smoke]` and `url = \"http://127.0.0.1:8080/smoke\"` go with `{\"webhook\": \"smoke\"}`"
    LostKey "D-UNKNOWN-KEY" Defect "a key that flagd passes over"
    "flagd's engines load the document and act as if the key were not there (its Python engine refuses the flag). Mostly it is misspelt.\n\n`\"defaultVarient\": \"on\"` -> `\"defaultVariant\": \"on\"`"
    RepeatedKey "D-DUPLICATE-KEY" Defect "a key stands twice"
    "The last one counts, in Weir as in flagd; what stands under the others is lost in silence. So it is with two flags of one key in the daemon's array form.\n\n`{\"on\": true, \"on\": false}` is `{\"on\": false}`"
    NoFlags "D-NO-FLAGS" Defect "there are no flags"
    "Engines load a document without `flags` as an empty one, and every flag is then FLAG_NOT_FOUND.\n\n`{\"flag\": {...}}` -> `{\"flags\": {...}}`"
    Kind "D-KIND" Defect "a value of the wrong kind"
    "flagd's schema has another kind of value here. Engines load it and take it for nothing, or refuse it when they evaluate.\n\n`\"targeting\": 5` is no rule: everybody gets the defaultVariant."
    EmptyName "D-EMPTY-NAME" Defect "an empty name"
    "Keys of flags, names of variants and of evaluators have at least one character in flagd's schema. An empty defaultVariant or result is taken for none."
    Variants "D-VARIANTS" Defect "no variants, or one without a value"
    "A flag without variants can only ever give the application's own default; a variant that is null gives an application no value of any type.\n\n`\"variants\": {\"on\": null}` -> `\"variants\": {\"on\": true}`"
    Metadata "D-METADATA" Defect "metadata that is none"
    "Metadata is an object of strings, numbers and booleans; OpenFeature's clients have no place for anything else.\n\n`\"metadata\": {\"team\": {\"name\": \"shop\"}}` -> `\"metadata\": {\"team\": \"shop\"}`"
    Operator "D-OPERATOR" Defect "an operator that does not exist"
    "Whoever comes to it gets PARSE_ERROR, and so control; with some engines everybody does, even if it stands in a branch that is never taken.\n\n`{\"equals\": [...]}` -> `{\"==\": [...]}`"
    SeveralKeys "D-SEVERAL-KEYS" Defect "an object with several keys in a rule"
    "An operation is an object of one key, its operator. An object of several is no operation but a value, and no rule can give one.\n\n`{\"in\": [...], \"==\": [...]}` -> `{\"and\": [{\"in\": [...]}, {\"==\": [...]}]}`"
    Operands "D-OPERANDS" Defect "operands of the wrong number or kind"
    "flagd's schema fixes how many operands an operator has; what is missing is null, what is too much is passed over. `starts_with` and `ends_with` give null for anything but two texts.\n\n`{\"==\": [{\"var\": \"plan\"}]}` -> `{\"==\": [{\"var\": \"plan\"}, \"pro\"]}`"
    Reference "D-REF" Defect "a reference to no evaluator"
    "`{\"$ref\": NAME}` stands for the rule of that name under `$evaluators`. Without one, whoever comes to it gets PARSE_ERROR, and so control."
    Result "D-VARIANT" Defect "a result that is no variant of the flag"
    "Whoever comes to it gets an error (GENERAL), and so control. A rule gives the *name* of a variant; comparisons give `true` or `false`, which are names only of variants that are called so.\n\n`{\"if\": [{\"in\": [...]}, true]}` with variants on and off -> `{\"if\": [{\"in\": [...]}, \"on\"]}`"
    Weight "D-WEIGHT" Defect "a bucket or weight that no engine takes"
    "A bucket is `[VARIANT]` or `[VARIANT, WEIGHT]`, a weight a whole number from 0 to 2147483647, and so is their sum. If one is not, `fractional` gives null and everybody gets the defaultVariant.\n\n`[\"on\", 0.5], [\"off\", 99.5]` -> `[\"on\", 5], [\"off\", 995]`"
    FlagdField "D-FLAGD-VAR" Defect "a $flagd field that does not exist"
    "There are `$flagd.flagKey` and `$flagd.timestamp` (seconds since 1970); any other is null."
    Version "D-SEMVER" Defect "a version or operator that sem_ver does not take"
    "`sem_ver` then gives null for everybody. Operators are =, !=, <, <=, >, >=, ^ (same major) and ~ (same major and minor); versions are 1.2.3, 1.2 or 1, with an optional v and prerelease.\n\n`{\"sem_ver\": [{\"var\": \"version\"}, \"==\", \"1.0.0\"]}` -> `\"=\"`"
    StrangeKey "W-UNKNOWN-KEY" Warning "a key at the top that belongs to nobody"
    "flagd and Weir pass over it. Good for notes; nothing acts on it."
    Mixed "W-MIXED-VARIANTS" Warning "variants of different kinds"
    "An application asks for one kind of value: whoever gets a variant of another gets TYPE_MISMATCH and its own default. flagd's schema refuses it, its engines do not.\n\n`{\"on\": true, \"off\": \"no\"}` -> `{\"on\": true, \"off\": false}`"
    ZeroWeights "W-ZERO-WEIGHTS" Warning "weights that are all 0"
    "Nobody has a bucket: `fractional` gives null, and everybody gets the defaultVariant. Good for switching a split off for a while."
    Unreachable "W-UNREACHABLE" Warning "a part of a rule that nobody reaches"
    "What stands before it, or its own condition, comes out the same for everybody.\n\n`{\"if\": [true, \"a\", \"b\"]}` is always `\"a\"`."
    NullCompared "W-NULL-COMPARED" Warning "a number compared with what may be missing"
    "A missing attribute is null and counts as 0: `{\"<\": [{\"var\": \"age\"}, 18]}` is true for whoever has no age. Give a default, `{\"var\": [\"age\", 99]}`, or ask first: `{\"and\": [{\"var\": \"age\"}, ...]}`."
    NullArithmetic "W-NULL-ARITHMETIC" Warning "arithmetic with what may be missing"
    "null counts as 0 or makes the result no number, and engines part: flagd's Go engine answers PARSE_ERROR. Give a default: `{\"var\": [\"items\", 0]}`."
    NullText "W-NULL-CAT" Warning "cat with what may be missing"
    "Some engines write nothing for null, some \"null\"; and as a key of `fractional` all who lack the attribute share one bucket. Give a default, or ask for the attribute first."
    NullEqual "W-NULL-EQUAL" Warning "== or != with what may be null on both sides"
    "null == null is true, so two attributes that are both missing are equal. To ask whether one is there, use `{\"missing\": [NAME]}` or `===`, which all engines take alike."
    NonAscii "W-NON-ASCII" Warning "a text beyond ASCII is hashed in the dialect v2"
    "flagd's JavaScript engine hashes other bytes of it than the others, so the same user may have another bucket there. `flagd-v3` has no such difference."
    Unused "W-UNUSED-EVALUATOR" Warning "an evaluator that no flag and no segment refers to"
    "It does nothing. Perhaps its name is misspelt where it should be referred to."
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
