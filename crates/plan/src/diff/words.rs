//! A difference as text and as Markdown.

use super::{Diff, StepLine};
use crate::render::page::{Field, Line, Page};
use crate::render::words;

impl Diff {
    /// The difference as text, wrapped at `width` columns. `why` is what [`super::needs_new_approval`] says.
    #[must_use]
    pub fn to_text(&self, why: &[String], width: usize) -> String {
        self.page(why).to_text(width)
    }

    /// The same as Markdown.
    #[must_use]
    pub fn to_markdown(&self, why: &[String]) -> String {
        self.page(why).to_markdown()
    }

    fn page(&self, why: &[String]) -> Page {
        let mut page =
            Page::new(format!("Plan {} follows on plan {}", self.child.short(), self.parent.short()));
        page.fields(vec![
            Field::one("Before", Line::default().code(self.parent.as_str())),
            Field::one("Now", Line::default().code(self.child.as_str())),
        ]);
        page.heading("Approval");
        if why.is_empty() {
            page.text("It needs no approval of its own: it does nothing that was not approved.");
        } else {
            page.text(Line::default().strong("It has to be approved again, because of this:"));
            page.list(why.iter().map(|w| Line::from(w.as_str())).collect());
        }
        page.heading("What differs");
        if self.is_empty() {
            page.text("Nothing but what was seen, and when.");
            return page;
        }
        let lines = |steps: &[StepLine]| steps.iter().map(line).collect::<Vec<_>>();
        let changed = self.changed.iter().map(|c| line(&c.step).then(format!(": {}", words::and(&c.parts))));
        let interruptions = self.interruptions.iter().map(|o| {
            let steps: Vec<usize> = (o.first..=o.last).collect();
            let about = words::duration(o.expected_seconds);
            Line::default()
                .strong(o.group.as_str())
                .then(format!(", {}, about {about}", words::steps(&steps)))
        });
        let exposures = self.exposures.iter().map(|e| {
            Line::from(format!("{} would be down if {} failed during “{}”", e.group, e.node, e.step.title))
        });
        for (title, lines) in [
            ("New steps", lines(&self.added)),
            ("Steps that are done or no longer needed", lines(&self.gone)),
            ("Steps that differ", changed.collect()),
            (
                "Steps in another order",
                self.reordered.iter().map(|id| Line::default().code(id.as_str())).collect(),
            ),
            ("Groups cut off more often or longer", interruptions.collect()),
            ("New exposures", exposures.collect()),
            ("New points of no return", lines(&self.points_of_no_return)),
            ("Beside the steps", self.beside.iter().map(|b| Line::from(b.as_str())).collect()),
        ] {
            if !lines.is_empty() {
                page.part(title);
                page.list(lines);
            }
        }
        page
    }
}

fn line(step: &StepLine) -> Line {
    Line::from(format!("{} (", step.title)).code(step.id.as_str()).then(")")
}
