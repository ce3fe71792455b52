//! `longshore generate`: invented data in any size, with faults in a declared share.

use super::{
    arguments::{GenerateArguments, GeneratedDomain},
    console::Console,
    exit::ExitStatus,
    tally::grouped,
};
use crate::{
    error::Result,
    generate::{self, Domain, Expected, MadeFile, Order},
};

/// Makes a domain's files and says what their pipelines will find in them.
pub(super) fn generate(arguments: &GenerateArguments, console: &Console) -> Result<ExitStatus> {
    let order = Order {
        domain: match arguments.domain {
            GeneratedDomain::Cadastre => Domain::Cadastre,
            GeneratedDomain::Learning => Domain::Learning,
            GeneratedDomain::Market => Domain::Market,
            GeneratedDomain::School => Domain::School,
        },
        rows: arguments.rows,
        seed: arguments.seed,
        faults: arguments.faults,
        folder: arguments.out.clone(),
    };
    for made in generate::generate(&order)? {
        if console.is_json() {
            console.json(&made);
        }
        console.say(&described(&made));
    }
    Ok(ExitStatus::Done)
}

fn described(made: &MadeFile) -> String {
    let one = |expected: &Expected| {
        let codes = expected.violations.iter().chain(&expected.warnings);
        let codes: Vec<String> =
            codes.map(|(code, count)| format!("{code} {}", grouped(*count))).collect();
        let found = if codes.is_empty() { "no fault".to_owned() } else { codes.join(", ") };
        format!("  {}: {} records, {found}", expected.pipeline, grouped(expected.records))
    };
    let lines: Vec<String> = made.expected.iter().map(one).collect();
    format!("{}\n{}", made.file, lines.join("\n"))
}
