//! Names to draw from: common ones, put together by chance, so that nobody is meant.

use crate::random::Random;

pub(crate) const TOWN: &str = "Wirrabilla";

pub(crate) const STREETS: [&str; 24] = [
    "Banksia",
    "Grevillea",
    "Waratah",
    "Melaleuca",
    "Correa",
    "Hakea",
    "Lilly Pilly",
    "Kurrajong",
    "Stringybark",
    "Bluegum",
    "Casuarina",
    "Boronia",
    "Telopea",
    "Tuckeroo",
    "Pandanus",
    "Jacaranda",
    "Saltbush",
    "Lomandra",
    "Westringia",
    "Flannel Flower",
    "O'Shannassy",
    "Quandong",
    "Mulga",
    "Brigalow",
];

pub(crate) const STREET_KINDS: [&str; 5] = ["Street", "Avenue", "Close", "Parade", "Crescent"];

pub(crate) const LOCALITIES: [&str; 6] =
    ["Wirrabilla", "Wirrabilla North", "Ferry Point", "Old Quarry", "Saltpan", "Café Corner"];

const FAMILY_KHMER: [&str; 12] =
    ["Sok", "Chea", "Keo", "Heng", "Ly", "Meas", "Nhem", "Prak", "Sim", "Touch", "Ung", "Yim"];
const GIVEN_KHMER: [&str; 12] = [
    "Dara", "Sophea", "Bopha", "Chanthou", "Rithy", "Sreymom", "Veasna", "Kunthea", "Piseth",
    "Maly", "Ratanak", "Sovann",
];
const FAMILY_SCRIPT: [&str; 6] = ["សុខ", "ជា", "កែវ", "ហេង", "មាស", "ព្រាប"];
const GIVEN_SCRIPT: [&str; 6] = ["ដារ៉ា", "សុភា", "បុប្ផា", "រិទ្ធី", "វាសនា", "សុវណ្ណ"];

const FAMILY_PORTUGUESE: [&str; 12] = [
    "Silva",
    "Gonçalves",
    "Araújo",
    "Brandão",
    "Simões",
    "Magalhães",
    "Leitão",
    "Nóbrega",
    "Teixeira",
    "Falcão",
    "Henriques",
    "Conceição",
];
const GIVEN_PORTUGUESE: [&str; 12] = [
    "João",
    "Inês",
    "Tomás",
    "Beatriz",
    "Estêvão",
    "Matilde",
    "António",
    "Leonor",
    "Gonçalo",
    "Mafalda",
    "Vasco",
    "Filipa",
];

const FAMILY_ENGLISH: [&str; 12] = [
    "Ashdown",
    "Brackley",
    "Coverdale",
    "Fenwick",
    "Hartnell",
    "Kingsley",
    "Larkin",
    "Merriman",
    "O'Rourke",
    "Pemberton",
    "Rowntree",
    "Whitlock",
];
const GIVEN_ENGLISH: [&str; 12] = [
    "Alice", "Edmund", "Flora", "Hugh", "Ivy", "Jasper", "Kit", "Mabel", "Ned", "Poppy", "Rufus",
    "Winifred",
];

/// A family name and a given name of one language.
pub(crate) fn person(random: &mut Random) -> (&'static str, &'static str) {
    match random.below(10) {
        0..=3 => (random.pick(&FAMILY_KHMER), random.pick(&GIVEN_KHMER)),
        4 => (random.pick(&FAMILY_SCRIPT), random.pick(&GIVEN_SCRIPT)),
        5..=6 => (random.pick(&FAMILY_PORTUGUESE), random.pick(&GIVEN_PORTUGUESE)),
        _ => (random.pick(&FAMILY_ENGLISH), random.pick(&GIVEN_ENGLISH)),
    }
}

/// Mobile numbers that Australia sets aside for fiction.
pub(crate) const PHONES: [&str; 12] = [
    "+61 491 570 006",
    "+61 491 570 156",
    "+61 491 570 157",
    "+61 491 570 313",
    "+61 491 570 737",
    "+61 491 571 266",
    "+61 491 571 804",
    "+61 491 572 549",
    "+61 491 573 770",
    "+61 491 575 254",
    "+61 491 577 426",
    "+61 491 578 957",
];

/// A street and its kind.
pub(crate) fn street(random: &mut Random) -> String {
    format!("{} {}", random.pick(&STREETS), random.pick(&STREET_KINDS))
}
