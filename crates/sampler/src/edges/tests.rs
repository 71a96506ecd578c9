use super::*;

const WAIT: Millis = Millis(1000);

/// A table and the calls that were made.
struct School {
    edges: Edges,
    calls: u64,
    now: i64,
    forgotten: u32,
}

impl School {
    fn of(max: usize) -> Self {
        Self { edges: Edges::new(WAIT, max), calls: 0, now: 0, forgotten: 0 }
    }

    /// Lets calls of a name happen: `+` has its child already, `-` never has one, `<` has it in the
    /// end; `.`: a wait passes.
    fn attend(&mut self, name: &str, calls: &str) {
        for call in calls.chars() {
            match call {
                '.' => {
                    self.now += WAIT.0;
                    self.edges.expire(Millis(self.now));
                }
                _ => self.call(name, call),
            }
        }
    }

    fn call(&mut self, name: &str, call: char) {
        self.calls += 1;
        let span = SpanId(self.calls.to_be_bytes());
        let lesson = self.edges.lesson(Towards::Child, TraceId([7; 16]), span);
        let has_child = call == '+';
        let forgot = self.edges.ask(self.edge(name), lesson, has_child, Millis(self.now));
        self.forgotten += u32::from(forgot);
        if call == '<' {
            self.edges.answer(lesson);
        }
    }

    fn edge(&self, name: &str) -> EdgeId {
        self.edges.id(Towards::Child, b"service", name.as_bytes())
    }

    fn is_usual(&self, name: &str) -> bool {
        self.edges.is_usual(self.edge(name))
    }
}

#[test]
fn an_edge_is_usual_if_nine_of_ten_have_their_other_end() {
    for (calls, is_usual) in [
        ("", false),
        ("+++", false),
        ("++++", true),
        ("<<<<", true),
        ("+++-", false),
        // Nobody knows yet of the last one.
        ("++++-", true),
        ("++++-.", false),
        ("++++++++.+-.", true),
        ("++++++++.--.", false),
        ("----.----.", false),
    ] {
        let mut school = School::of(10);
        school.attend("pay", calls);
        assert_eq!(school.is_usual("pay"), is_usual, "{calls}");
    }
}

/// Eight at a time, for a whole wait: so it does not matter which of them are answered soon.
#[test]
fn which_spans_teach_does_not_hang_on_what_they_teach() {
    for (calls, is_usual) in [
        ("--------++++++++", false),
        ("++++++++--------.", true),
        ("<<<<<<<<--------.", true),
        ("--------.++++++++", false),
        ("<<<<<<<<.<<<<<<<<.--.", false),
    ] {
        let mut school = School::of(10);
        school.attend("pay", calls);
        assert_eq!(school.is_usual("pay"), is_usual, "{calls}");
    }
}

#[test]
fn what_was_learned_decays() {
    let mut school = School::of(10);
    school.attend("pay", &"++++++++.".repeat(100));
    assert!(school.is_usual("pay"));
    let mut waits = 0;
    while school.is_usual("pay") {
        school.attend("pay", "--------.");
        waits += 1;
    }
    assert_eq!(waits, 1);
    while !school.is_usual("pay") {
        school.attend("pay", "++++++++.");
        waits += 1;
    }
    assert!(waits < 20, "a hundred lessons are not forgotten in {waits} waits");
}

#[test]
fn the_table_is_bounded_and_what_is_met_often_stays() {
    let mut school = School::of(16);
    for round in 0..1000 {
        school.attend("often", "+");
        school.attend(&format!("once-{round}"), "+-");
        if round % 500 == 0 {
            school.attend("often", ".");
        }
        assert!(school.edges.len() <= 16);
        let lessons = 16 * usize::from(LESSONS_MAX);
        let places = school.edges.places.len();
        assert!(school.edges.open.len() <= places && places <= lessons, "{places}");
    }
    assert!(school.is_usual("often"));
    assert!(school.forgotten > 900, "{}", school.forgotten);
    school.attend("often", ".");
    let bytes = school.edges.bytes();
    assert_eq!((school.edges.open.len(), school.edges.places.len()), (0, 0));
    assert_eq!(bytes, school.edges.len() * EDGE_BYTES);
}

#[test]
fn without_room_nothing_is_learned() {
    let mut school = School::of(0);
    school.attend("pay", "++++++++----.");
    assert!(!school.is_usual("pay"));
    assert_eq!(school.edges.bytes(), 0);
}
