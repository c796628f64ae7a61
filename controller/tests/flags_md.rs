//! docs/flags.md is true: its documents pass the check, and its commands print what it shows.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use weir_core::check::check;

/// One fenced block: what stands behind the fence, and its lines.
struct Block<'a> {
    info: &'a str,
    lines: Vec<&'a str>,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            blocks.push(Block { info, lines: lines.by_ref().take_while(|line| *line != "```").collect() });
        }
    }
    blocks
}

fn docs() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/flags.md")).unwrap()
}

#[test]
fn every_document_passes_and_every_command_prints_what_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let (mut documents, mut commands) = (0, 0);
    for block in blocks(&docs()) {
        match block.info.split_once(' ') {
            Some(("json", name)) => {
                documents += 1;
                let text = block.lines.join("\n");
                check(&text).unwrap_or_else(|findings| panic!("{name}: {findings:?}"));
                std::fs::write(directory.path().join(name), text).unwrap();
            }
            Some((_, name)) => std::fs::write(directory.path().join(name), block.lines.join("\n")).unwrap(),
            None => {
                assert_eq!(block.info, "console", "a block that nobody runs: {:?}", block.lines);
                commands += console(directory.path(), &block.lines);
            }
        }
    }
    assert!(documents >= 9 && commands >= 25, "{documents} documents, {commands} commands");
}

/// Each `$ weir ...` with the lines that follow it.
fn console(directory: &Path, lines: &[&str]) -> usize {
    let starts: Vec<usize> = (0..lines.len()).filter(|index| lines[*index].starts_with("$ ")).collect();
    assert_eq!(starts.first(), Some(&0));
    for (number, start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(lines.len());
        let expected = lines[start + 1..end].join("\n");
        assert_eq!(output(directory, &lines[*start][2..]).trim_end(), expected.trim_end(), "{}", lines[*start]);
    }
    starts.len()
}

/// What the command prints, in the words of a shell: quotes, `<` and `>`.
fn output(directory: &Path, line: &str) -> String {
    let mut words = words(line);
    assert_eq!(words.remove(0), "weir");
    let mut redirected = |sign: &str| -> Option<PathBuf> {
        let place = words.iter().position(|word| word == sign)?;
        words.remove(place);
        Some(directory.join(words.remove(place)))
    };
    let (from, to) = (redirected("<"), redirected(">"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    let input = from.map_or_else(Stdio::null, |path| std::fs::File::open(path).unwrap().into());
    let output = command.args(&words).current_dir(directory).stdin(input).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let Some(path) = to else { return printed };
    std::fs::write(path, printed).unwrap();
    String::new()
}

fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}
