//! Rounds of a scenario: how many, what is drawn for each, and `N of N` at the end.

use std::{
    env,
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

/// What a scenario did so far.
pub(super) struct Rounds {
    name: &'static str,
    seed: u64,
    count: u32,
    done: u32,
    failures: Vec<String>,
}

impl Rounds {
    /// `full` rounds in `make torture`, `short` in `cargo test`.
    pub(super) fn of(name: &'static str, full: u32, short: u32) -> Self {
        let count = if is_full() { full } else { short };
        Self { name, seed: seed(), count, done: 0, failures: Vec::new() }
    }

    /// How many rounds there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The next round's number and what it draws from; `None` when all are done.
    pub(super) fn next(&mut self) -> Option<(u32, Draw)> {
        (self.done < self.count).then(|| {
            self.done += 1;
            let name = self
                .name
                .bytes()
                .fold(0_u64, |hash, byte| hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
            (self.done - 1, Draw(self.seed ^ name.wrapping_add(u64::from(self.done) << 32)))
        })
    }

    /// Notes how the round ended; `what` was done in it.
    pub(super) fn ended(&mut self, what: &str, outcome: Result<(), String>) {
        if let Err(failure) = outcome {
            let round = self.done;
            #[expect(clippy::print_stderr, reason = "a long scenario says early what is wrong")]
            {
                eprintln!("torture: {}, round {round}: {what}: {failure}", self.name);
            }
            self.failures.push(format!("round {round}, {what}: {failure}"));
        }
    }

    /// Prints the score.
    ///
    /// # Errors
    /// The rounds that failed.
    pub(super) fn score(self) -> Result<(), String> {
        let Self { name, seed, count, done, failures } = self;
        let good = done as usize - failures.len();
        #[expect(clippy::print_stderr, reason = "the score is what `make torture` is for")]
        {
            eprintln!("torture: {good} of {count}: {name} (LONGSHORE_TORTURE_SEED={seed})");
        }
        if failures.is_empty() && done == count {
            return Ok(());
        }
        Err(format!(
            "{name}: {good} of {count}, LONGSHORE_TORTURE_SEED={seed}\n{}",
            failures.join("\n")
        ))
    }

    /// Prints the score and fails unless it is perfect.
    pub(super) fn finish(self) {
        if let Err(failures) = self.score() {
            panic!("{failures}");
        }
    }
}

/// The seed of this process: given; else the clock's for `make torture`, which explores, and always
/// the same for `cargo test`, which guards what was explored.
fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| match env::var("LONGSHORE_TORTURE_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) if is_full() => of_the_clock(),
        Err(_) => SHORT_SEED,
    })
}

/// The seed of the short form.
const SHORT_SEED: u64 = 1_882_449_905_099_612;

fn is_full() -> bool {
    env::var("LONGSHORE_TORTURE").is_ok_and(|form| form == "full")
}

fn of_the_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    since.as_secs() << 20 ^ u64::from(since.subsec_nanos())
}

/// Numbers that a seed decides (splitmix64).
pub(super) struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// One of several.
    pub(super) fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[usize::try_from(self.below(of.len() as u64)).expect("an index")]
    }
}
