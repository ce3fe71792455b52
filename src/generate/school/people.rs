//! Who is in which class, as both kinds of roster bundles have it: one user in 25 is a teacher,
//! and each user is in one class.

use super::super::{Fault, FaultPlan, Order, Row, plan::Found};

/// Users of a class, its teacher first.
const CLASS_SIZE: u64 = 25;

/// The users and classes of a bundle, and which of them a run loads.
pub(super) struct People {
    users: FaultPlan<Row>,
    classes: FaultPlan<Row>,
    pub(super) count: u64,
}

impl People {
    pub(super) fn new(
        order: &Order,
        users: &[&'static [Fault<Row>]],
        classes: &[&'static [Fault<Row>]],
    ) -> Self {
        Self {
            users: FaultPlan::new(&order.faults, users),
            classes: FaultPlan::new(&order.faults, classes),
            count: order.rows,
        }
    }

    pub(super) fn class_count(&self) -> u64 {
        self.count.div_ceil(CLASS_SIZE).max(1)
    }

    /// The places of users that are loaded.
    pub(super) fn loaded(&self) -> impl Iterator<Item = u64> {
        (0..self.count).filter(|place| self.is_loaded(*place))
    }

    fn is_loaded(&self, place: u64) -> bool {
        // Who stands before another with the same number is rejected too.
        let next = self.users.at(place + 1).filter(|_| place + 1 < self.count);
        let is_in_conflict = next.is_some_and(|fault| fault.found == Found::Conflict);
        self.users.at(place).is_none() && !is_in_conflict
    }

    /// The class of a user: the next one where that is faulty, which is never the first.
    pub(super) fn class_of(&self, user: u64) -> u64 {
        let class = user / CLASS_SIZE;
        let is_faulty = self.classes.at(class).is_some();
        (class + u64::from(is_faulty)) % self.class_count()
    }

    pub(super) fn role(&self, user: u64) -> &'static str {
        if is_teacher(user) { "teacher" } else { "student" }
    }

    /// The students among those that are loaded.
    pub(super) fn students(&self) -> impl Iterator<Item = u64> {
        self.loaded().filter(|place| !is_teacher(*place))
    }
}

fn is_teacher(user: u64) -> bool {
    user.is_multiple_of(CLASS_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Domain, Shares};

    const USERS: &[Fault<Row>] = &[
        Fault::new("a", "rule.a", |_, _| {}),
        Fault::found("b", Found::Conflict, |_, _| {}),
        Fault::again("c"),
    ];

    #[test]
    fn nobody_is_in_a_class_that_is_not_loaded() {
        let order = Order {
            domain: Domain::School,
            rows: 1001,
            seed: 1,
            faults: Shares::each(0.05),
            folder: "unused".into(),
        };
        let people = People::new(&order, &[USERS], &[USERS]);
        assert_eq!(people.class_count(), 41);
        for user in people.loaded() {
            assert!(people.classes.at(people.class_of(user)).is_none(), "{user}");
        }
        let conflicts =
            (0..1001).filter(|at| people.users.at(*at).is_some_and(|fault| fault.is("b")));
        for place in conflicts {
            assert!(people.loaded().all(|loaded| loaded != place && loaded != place - 1));
        }
    }
}
