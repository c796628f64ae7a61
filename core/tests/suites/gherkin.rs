//! As much of Gherkin as the testbed uses: tags, backgrounds, outlines with any number of tables of examples, tables under a step. What stands between lines
//! of three quotes is prose. In a cell `\uXXXX` is plain text, and `\"` in a quoted text is a quote.

use std::collections::BTreeMap;

/// A scenario with one row of its examples put in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    pub(crate) scenario: String,
    pub(crate) tags: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

/// A step without its keyword, and its table with the headings in front.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) text: String,
    pub(crate) table: Vec<Vec<String>>,
}

#[derive(Default)]
struct Outline {
    case: Case,
    examples: Vec<(Vec<String>, Vec<Vec<String>>)>,
}

/// All cases of a feature file, in its order.
pub(crate) fn cases(text: &str) -> Vec<Case> {
    let mut feature_tags = None;
    let mut background: Vec<Step> = Vec::new();
    let mut outlines: Vec<Outline> = Vec::new();
    let (mut tags, mut in_examples, mut in_background) = (Vec::new(), false, false);
    let mut in_prose = false;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fence = line.starts_with("\"\"\"");
        in_prose ^= fence;
        if fence || in_prose {
            continue;
        }
        if line.starts_with('@') {
            tags.extend(line.split_whitespace().map(str::to_owned));
        } else if line.starts_with("Feature:") {
            feature_tags = Some(std::mem::take(&mut tags));
        } else if line.starts_with("Background:") {
            in_background = true;
        } else if let Some(name) = line.strip_prefix("Scenario Outline:").or_else(|| line.strip_prefix("Scenario:")) {
            let mut all = feature_tags.clone().unwrap_or_default();
            all.append(&mut tags);
            let case = Case { scenario: name.trim().to_owned(), tags: all, steps: background.clone() };
            outlines.push(Outline { case, examples: Vec::new() });
            (in_examples, in_background) = (false, false);
        } else if line.starts_with("Examples:") || line.starts_with("Scenarios:") {
            outlines.last_mut().unwrap().examples.push((std::mem::take(&mut tags), Vec::new()));
            in_examples = true;
        } else if line.starts_with('|') {
            let outline = outlines.last_mut().unwrap();
            let table = if in_examples {
                &mut outline.examples.last_mut().unwrap().1
            } else {
                &mut outline.case.steps.last_mut().unwrap().table
            };
            table.push(cells(line));
        } else if let Some(step) = step(line) {
            if in_background { &mut background } else { &mut outlines.last_mut().unwrap().case.steps }.push(step);
        }
    }
    outlines.into_iter().flat_map(Outline::cases).collect()
}

fn step(line: &str) -> Option<Step> {
    let (keyword, text) = line.split_once(' ')?;
    ["Given", "When", "Then", "And", "But"]
        .contains(&keyword)
        .then(|| Step { text: text.trim().to_owned(), table: Vec::new() })
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')).unwrap();
    inner.split('|').map(|cell| cell.trim().to_owned()).collect()
}

impl Outline {
    fn cases(self) -> Vec<Case> {
        if self.examples.is_empty() {
            return vec![self.case];
        }
        let mut cases = Vec::new();
        for (tags, table) in &self.examples {
            let (headings, rows) = table.split_first().unwrap();
            for row in rows {
                let values: BTreeMap<_, _> = headings.iter().zip(row).collect();
                let mut case = self.case.clone();
                case.tags.extend(tags.iter().cloned());
                for step in &mut case.steps {
                    for (heading, value) in &values {
                        step.text = step.text.replace(&format!("<{heading}>"), value);
                    }
                }
                cases.push(case);
            }
        }
        cases
    }
}

impl Step {
    /// The quoted texts of the step, without their quotes.
    pub(crate) fn quoted(&self) -> Vec<String> {
        let mut texts = Vec::new();
        let mut open: Option<String> = None;
        let mut characters = self.text.chars().peekable();
        while let Some(c) = characters.next() {
            match (&mut open, c) {
                (Some(text), '\\') if characters.peek() == Some(&'"') => text.extend(characters.next()),
                (Some(_), '"') => texts.extend(open.take()),
                (Some(text), c) => text.push(c),
                (None, '"') => open = Some(String::new()),
                (None, _) => {}
            }
        }
        texts
    }
}
