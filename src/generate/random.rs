//! Chance that is the same everywhere and for ever, and names drawn by it.

/// xorshift64* (Vigna 2016), seeded through splitmix64.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// Its own sequence for each `stream` of a seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut state = seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let mut random = Self { state: (state ^ (state >> 31)).max(1) };
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From 0 up to but not including `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        let wide = (u128::from(self.next()) * u128::from(end)) >> 64;
        u64::try_from(wide).unwrap_or(0)
    }

    /// From `first` to `last`, both included.
    pub(super) fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        let at = usize::try_from(self.below(from.len() as u64)).unwrap_or(0);
        from[at]
    }

    /// A UUID of version 4.
    pub(super) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    /// A day of a year that every month has.
    pub(super) fn day(&mut self, year: u64) -> String {
        format!("{year}-{:02}-{:02}", self.between(1, 12), self.between(1, 28))
    }

    /// A family name and a given name, of nobody.
    pub(super) fn person(&mut self) -> (&'static str, &'static str) {
        (self.pick(&FAMILY), self.pick(&GIVEN))
    }

    /// A number that Australia sets aside for fiction.
    pub(super) fn phone(&mut self) -> String {
        format!("+61 491 57{} {:03}", self.below(10), self.below(1000))
    }

    pub(super) fn street(&mut self) -> String {
        format!("{} {}", self.pick(&STREETS), self.pick(&["Street", "Avenue", "Close", "Parade"]))
    }
}

const FAMILY: [&str; 14] = [
    "Sok",
    "Chea",
    "Keo",
    "Heng",
    "Meas",
    "Prak",
    "Silva",
    "Gonçalves",
    "Araújo",
    "Teixeira",
    "Ashdown",
    "Fenwick",
    "O'Rourke",
    "Whitlock",
];
const GIVEN: [&str; 14] = [
    "Dara", "Sophea", "Bopha", "Rithy", "Veasna", "Maly", "João", "Inês", "Tomás", "Leonor",
    "Alice", "Edmund", "Ivy", "Rufus",
];
const STREETS: [&str; 10] = [
    "Banksia",
    "Grevillea",
    "Waratah",
    "Melaleuca",
    "Hakea",
    "Kurrajong",
    "Bluegum",
    "Boronia",
    "Jacaranda",
    "O'Shannassy",
];
