//! `longshore generate`: invented data in any size, with faults in a declared share.

use super::{
    arguments::{GenerateArguments, GeneratedDomain},
    console::Console,
    exit::ExitStatus,
    tally::grouped,
};
use crate::{
    error::Result,
    generate::{self, Domain, Expected, MadeFile, Order, Shares},
};

/// Makes a domain's files and says what their pipelines will find in them.
pub(super) fn generate(arguments: &GenerateArguments, console: &Console) -> Result<ExitStatus> {
    let of_kinds = arguments.fault.iter();
    let faults = of_kinds
        .fold(Shares::each(arguments.faults), |shares, (kind, share)| shares.with(kind, *share));
    let order = Order {
        domain: match arguments.domain {
            GeneratedDomain::Cadastre => Domain::Cadastre,
            GeneratedDomain::Learning => Domain::Learning,
            GeneratedDomain::Market => Domain::Market,
            GeneratedDomain::Property => Domain::Property,
            GeneratedDomain::School => Domain::School,
        },
        rows: arguments.rows,
        seed: arguments.seed,
        faults,
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
        // Targets of one source have the same records, files of a bundle their own.
        let records: Vec<String> = expected
            .tables
            .iter()
            .map(|table| format!("{} {}", table.table, grouped(table.records)))
            .collect();
        format!("  {}: {}; {found}", expected.pipeline, records.join(", "))
    };
    let lines: Vec<String> = made.expected.iter().map(one).collect();
    format!("{}\n{}", made.file, lines.join("\n"))
}
