//! What the readers of parts note for the comparison of the whole.

use std::collections::HashSet;

use mecha_primitives::name;

use crate::{
    app::{Route, Spanned},
    read::{Item, Reader},
    store::Granted,
    wrong::{Wrong, nearest, shown},
};

/// Each comes with the path of keys to it, and counts even if something else about its part is wrong.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) routes: Vec<(Route, String)>,
    pub(crate) granted: Vec<Granted>,
    /// Components that something else of the manifest triggers, by name.
    triggered: HashSet<String>,
    /// Components that are named outside of `components`.
    named: Vec<(Spanned<name::Component>, String)>,
}

impl Facts {
    /// A component that gets something to do.
    pub(crate) fn trigger(
        &mut self,
        reader: &mut Reader<'_>,
        item: &Item<'_>,
    ) -> Option<Spanned<name::Component>> {
        let component = self.named(reader, item)?;
        self.triggered.insert(component.value.to_string());
        Some(component)
    }

    /// A component, named by a value.
    pub(crate) fn named(
        &mut self,
        reader: &mut Reader<'_>,
        item: &Item<'_>,
    ) -> Option<Spanned<name::Component>> {
        let component = Spanned { value: reader.name(item, "a component")?, at: item.at() };
        self.named.push((component.clone(), item.key.clone()));
        Some(component)
    }

    /// A component, named by a key.
    pub(crate) fn key(
        &mut self,
        reader: &mut Reader<'_>,
        key: &Spanned<String>,
        item: &Item<'_>,
    ) -> Option<name::Component> {
        let component: name::Component = reader.key_name(key, item, "a component")?;
        self.named.push((Spanned { value: component.clone(), at: key.at }, item.key.clone()));
        Some(component)
    }

    /// Something triggers this component, whatever it is.
    pub(crate) fn triggers(&mut self, component: &str) {
        self.triggered.insert(component.to_owned());
    }

    /// Compares the components that are named with those that there are; `declared` has those too that could not be
    /// read.
    pub(crate) fn check(&self, reader: &mut Reader<'_>, declared: &[Spanned<String>]) {
        let known: HashSet<&str> = declared.iter().map(|component| component.value.as_str()).collect();
        for (component, key) in &self.named {
            let name = component.value.as_str();
            if known.contains(name) {
                continue;
            }
            let wrong = Wrong::new(format!("the component {} is not declared", shown(name)));
            let help = match nearest(name, declared.iter().map(|component| component.value.as_str())) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let mut names: Vec<&str> = declared.iter().take(10).map(|c| c.value.as_str()).collect();
                    names.sort_unstable();
                    format!("declared are: {}", names.join(", "))
                }
            };
            reader.error(component.at, key.as_str(), wrong.help(help));
        }
        let idle = |component: &&Spanned<String>| !self.triggered.contains(&component.value);
        for component in declared.iter().filter(idle) {
            untriggered(reader, component);
        }
    }
}

fn untriggered(reader: &mut Reader<'_>, component: &Spanned<String>) {
    let wrong = Wrong::new(format!("nothing triggers the component {}", shown(&component.value)));
    let help = "give it a route, as in `http: [/]`, or let a subscription, a schedule, an input or a caller reach it";
    reader.warn(component.at, format!("components.{}", component.value), wrong.help(help));
}
