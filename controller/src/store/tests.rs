use super::*;

fn entry(kind: &str) -> Entry {
    Entry {
        at_ms: 1_700_000_000_000,
        kind: kind.to_owned(),
        flag: Some("checkout".to_owned()),
        attempt: Some(2),
        actor: "judge".to_owned(),
        sentence: "12 errors in 300 requests, \"next\"".to_owned(),
        numbers: r#"{"errors":12}"#.to_owned(),
        generation: 7,
        ..Entry::default()
    }
}

fn observed(attempt: u64, at_ms: u64) -> Observed {
    Observed { flag: "checkout".to_owned(), attempt, at_ms, json: "{}".to_owned() }
}

fn full_batch() -> Batch {
    Batch {
        document: Some(StoredDocument { hash: "h1".to_owned(), text: "{}".to_owned() }),
        kill: Some(true),
        flag_kills: Some(BTreeSet::from(["banner".to_owned()])),
        generation: Some(9),
        rollouts: BTreeMap::from([("checkout".to_owned(), r#"{"phase":"idle"}"#.to_owned())]),
        cumulative: Some(r#"{"a":1}"#.to_owned()),
        sides: Some("{}".to_owned()),
        refused: Some("{}".to_owned()),
        observations: vec![observed(1, 5)],
        ledger: vec![entry("start"), entry("advance")],
    }
}

fn count(store: &Store, table: &str) -> i64 {
    store.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn what_is_written_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weir.db");
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.load().unwrap(), Stored::default());
    let batch = full_batch();
    store.write(&batch).unwrap();
    drop(store);

    let store = Store::open(&path).unwrap();
    let stored = store.load().unwrap();
    assert_eq!(stored.document, batch.document);
    assert!(stored.kill);
    assert_eq!(Some(stored.flag_kills), batch.flag_kills);
    assert_eq!(stored.generation, 9);
    assert_eq!(stored.rollouts, batch.rollouts);
    assert_eq!((stored.cumulative, stored.refused), (batch.cumulative, batch.refused));
    let kinds: Vec<_> = store.ledger(None, 0, 10).unwrap().into_iter().map(|row| row.entry.kind).collect();
    assert_eq!(kinds, ["start", "advance"]);
    assert_eq!(store.verify().unwrap(), None);
}

#[test]
fn a_batch_that_fails_anywhere_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(&directory.path().join("weir.db")).unwrap();
    store.write(&full_batch()).unwrap();
    let before = store.load().unwrap();
    // The ledger is written last, so a refusal there comes after everything else of the batch.
    store
        .connection
        .execute_batch("CREATE TEMP TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        .unwrap();
    let batch = Batch { generation: Some(10), kill: Some(false), ..full_batch() };
    let error = store.write(&batch).unwrap_err();
    assert!(error.to_string().contains("disk full"), "{error}");
    assert_eq!(store.load().unwrap(), before);
    assert_eq!((count(&store, "observations"), count(&store, "ledger")), (1, 2));
}

#[test]
fn a_process_killed_before_the_commit_leaves_the_state_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weir.db");
    let mut store = Store::open(&path).unwrap();
    store.write(&full_batch()).unwrap();
    let before = store.load().unwrap();
    let transaction = store.connection.transaction().unwrap();
    write_state(&transaction, &Batch { generation: Some(11), kill: Some(false), ..Batch::default() }).unwrap();
    ledger::append(&transaction, &[entry("rollback")]).unwrap();
    // A copy of the files at this moment is what SIGKILL leaves behind.
    let copy = directory.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    std::fs::copy(directory.path().join("weir.db-wal"), directory.path().join("copy.db-wal")).unwrap();
    drop(transaction);

    let after = Store::open(&copy).unwrap();
    assert_eq!(after.load().unwrap(), before);
    assert_eq!(count(&after, "ledger"), 2);
    assert_eq!(after.verify().unwrap(), None);
}

#[test]
fn a_second_controller_is_refused_until_the_first_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weir.db");
    let first = Store::open(&path).unwrap();
    let error = Store::open(&path).unwrap_err().to_string();
    assert!(error.contains("in use by another controller"), "{error}");
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    drop(first);
    Store::open(&path).unwrap();
}

#[test]
fn files_of_others_and_of_other_versions_are_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("foreign.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(Store::open(&path), Err(Error::Foreign { .. })));

    let path = directory.path().join("later.db");
    drop(Store::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let error = Store::open(&path).unwrap_err().to_string();
    assert!(error.contains("has schema 2, this weir knows 1"), "{error}");

    let path = directory.path().join("text.db");
    std::fs::write(&path, "certainly not a database, but long enough to be read as a header of one").unwrap();
    assert!(matches!(Store::open(&path), Err(Error::Sqlite { .. })));
    assert!(matches!(Store::open(&directory.path().join("no/such/weir.db")), Err(Error::Lock { .. })));
}

#[test]
fn the_ledger_refuses_changes_and_shows_those_that_were_forced() {
    let cases = [
        ("UPDATE ledger SET sentence = 'all is well' WHERE seq = 2", Some(Broken::Changed(2))),
        ("UPDATE ledger SET flag = NULL WHERE seq = 1", Some(Broken::Changed(1))),
        ("DELETE FROM ledger WHERE seq = 2", Some(Broken::Missing(2))),
        ("DELETE FROM ledger WHERE seq = 3", Some(Broken::Missing(3))),
        ("UPDATE ledger SET generation = 7 WHERE seq = 3", None),
    ];
    for (change, broken) in cases {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(&directory.path().join("weir.db")).unwrap();
        store.write(&Batch { ledger: ["start", "rollback", "kill"].map(entry).into(), ..Batch::default() }).unwrap();
        let error = store.connection.execute(change, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
        store.connection.execute_batch("DROP TRIGGER ledger_keeps_rows; DROP TRIGGER ledger_keeps_values").unwrap();
        store.connection.execute(change, []).unwrap();
        assert_eq!(store.verify().unwrap(), broken, "{change}");
    }
}

#[test]
fn an_appended_row_that_weir_did_not_write_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(&directory.path().join("weir.db")).unwrap();
    store.write(&Batch { ledger: vec![entry("start")], ..Batch::default() }).unwrap();
    let row = &store.ledger(None, 0, 1).unwrap()[0];
    let forged = ledger_hash_of_a_second_row(&row.hash);
    store
        .connection
        .execute(
            "INSERT INTO ledger SELECT 2, at_ms, kind, flag, attempt, actor, reason, sentence, numbers, generation, hash, ?1 FROM ledger",
            [forged],
        )
        .unwrap();
    assert_eq!(store.verify().unwrap(), Some(Broken::Changed(2)));
}

fn ledger_hash_of_a_second_row(prev: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(&directory.path().join("other.db")).unwrap();
    store.write(&Batch { ledger: vec![entry("start"), entry("start")], ..Batch::default() }).unwrap();
    let rows = store.ledger(None, 0, 2).unwrap();
    assert_eq!(rows[0].hash, prev);
    rows[1].hash.clone()
}

#[test]
fn the_ledger_is_read_by_flag_from_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(&directory.path().join("weir.db")).unwrap();
    let other = Entry { flag: None, ..entry("kill-all") };
    store.write(&Batch { ledger: vec![entry("start"), other, entry("advance")], ..Batch::default() }).unwrap();
    let seqs = |flag, after, limit| -> Vec<u64> {
        store.ledger(flag, after, limit).unwrap().into_iter().map(|row| row.seq).collect()
    };
    assert_eq!(seqs(None, 0, 2), [2, 3]);
    assert_eq!(seqs(None, 2, 10), [3]);
    assert_eq!(seqs(Some("checkout"), 0, 10), [1, 3]);
    assert_eq!(seqs(Some("banner"), 0, 10), [0; 0]);
}

#[test]
fn an_older_copy_is_taken_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weir.db");
    let mut store = Store::open(&path).unwrap();
    store.write(&Batch { generation: Some(3), ledger: vec![entry("start")], ..Batch::default() }).unwrap();
    drop(store);
    let backup = directory.path().join("backup.db");
    std::fs::copy(&path, &backup).unwrap();
    let mut store = Store::open(&path).unwrap();
    store.write(&Batch { generation: Some(8), ledger: vec![entry("kill")], ..Batch::default() }).unwrap();
    drop(store);
    std::fs::rename(&backup, &path).unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(store.load().unwrap().generation, 3);
    assert_eq!(store.verify().unwrap(), None);
}

#[test]
fn observations_and_documents_stay_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(&directory.path().join("weir.db")).unwrap();
    for attempt in 1..=9 {
        store.write(&Batch { observations: vec![observed(attempt, 5)], ..Batch::default() }).unwrap();
    }
    assert_eq!(count(&store, "observations"), i64::from(PAST_ATTEMPTS) + 1);
    store.write(&Batch { observations: vec![observed(9, OBSERVED_MS + 6)], ..Batch::default() }).unwrap();
    assert_eq!(count(&store, "observations"), i64::from(PAST_ATTEMPTS) + 1);

    for number in 0..30 {
        let document = StoredDocument { hash: format!("h{}", number % 25), text: number.to_string() };
        store.write(&Batch { document: Some(document.clone()), ..Batch::default() }).unwrap();
        assert_eq!(store.load().unwrap().document, Some(document));
    }
    assert_eq!(count(&store, "documents"), i64::from(PAST_DOCUMENTS) + 1);
}

#[test]
fn a_batch_knows_whether_it_decides() {
    assert!(Batch::default().is_empty());
    assert!(full_batch().is_decision());
    let ticked = Batch { cumulative: Some("{}".to_owned()), observations: vec![observed(1, 1)], ..Batch::default() };
    assert!(!ticked.is_empty() && !ticked.is_decision());
}
