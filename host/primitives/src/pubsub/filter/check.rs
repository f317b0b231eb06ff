//! Refuses expressions that cannot work: that are constant, or whose types do not fit whatever the event is.
//!
//! Attributes and the topic are strings. Of the data nothing is known, so that whatever is made of it fits anywhere;
//! whether it does shows with the event.

use cel::{
    IdedExpr, Value,
    common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, operators},
};

use super::{
    ENV, MAX_DEPTH, Wrong,
    printed::{printed, sign},
    requires::{is_event, literal},
};
use crate::pubsub::event::is_extension_name;

/// What is wrong, and with which part.
type Found = (u64, Wrong);

/// Whether the expression reads the data.
pub(super) fn check(expression: &IdedExpr) -> Result<bool, Found> {
    let mut check = Check { bound: Vec::new(), depth: 0, reads_event: false, reads_data: false };
    let result = check.infer(expression)?;
    if !check.reads_event && !check.reads_data {
        let message = format!("`{}` is the same for every event", printed(expression));
        return wrong(expression, message, "compare something of `event`, `data` or `topic`");
    }
    if !result.is_or_may_be(Type::Bool) {
        let message = format!("`{}` is {}, not true or false", printed(expression), result.words());
        return wrong(
            expression,
            message,
            "compare it with something, as in `event.type == \"order.placed\"`",
        );
    }
    Ok(check.reads_data)
}

fn wrong<T>(part: &IdedExpr, message: impl Into<String>, help: impl Into<String>) -> Result<T, Found> {
    Err((part.id, Wrong::new(message).help(help)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Any,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    Null,
    List,
    Map,
}

impl Type {
    fn is_or_may_be(self, other: Self) -> bool {
        self == other || self == Self::Any
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Whether values of the two can be equal, or in an order.
    fn is_comparable(self, other: Self) -> bool {
        self.is_or_may_be(other) || other == Self::Any || (self.is_number() && other.is_number())
    }

    fn words(self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::Bool => "true or false",
            Self::Int | Self::Uint | Self::Double => "a number",
            Self::Text => "a string",
            Self::Bytes => "bytes",
            Self::Null => "null",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }
}

struct Check {
    /// The variable and the result of the macro that is looked at.
    bound: Vec<(String, Type)>,
    depth: usize,
    reads_event: bool,
    reads_data: bool,
}

impl Check {
    fn infer(&mut self, part: &IdedExpr) -> Result<Type, Found> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("the expression is nested more than {MAX_DEPTH} deep");
            return wrong(part, message, "use `in [...]` for many alternatives, or several subscriptions");
        }
        let found = match &part.expr {
            Expr::Literal(literal) => Ok(of_literal(literal)),
            Expr::Ident(name) => self.variable(part, name),
            Expr::Select(select) => self.select(part, select),
            Expr::Call(call) => self.call(part, call),
            Expr::Comprehension(comprehension) => self.comprehension(part, comprehension),
            Expr::List(list) => list
                .elements
                .iter()
                .try_for_each(|element| self.infer(element).map(drop))
                .map(|()| Type::List),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.infer(&entry.key)?;
                        self.infer(&entry.value)?;
                    }
                }
                Ok(Type::Map)
            }
            Expr::Struct(_) | Expr::Unspecified => {
                wrong(part, "there are no message types here", "write a map as `{\"name\": value}`")
            }
        };
        self.depth -= 1;
        found
    }

    fn variable(&mut self, part: &IdedExpr, name: &str) -> Result<Type, Found> {
        if let Some((_, found)) = self.bound.iter().rev().find(|(bound, _)| bound == name) {
            return Ok(*found);
        }
        match name {
            "topic" => {
                self.reads_event = true;
                Ok(Type::Text)
            }
            "data" => {
                self.reads_data = true;
                Ok(Type::Any)
            }
            "event" => wrong(part, "`event` alone is no value", "ask for an attribute, as in `event.type`"),
            _ => {
                let help =
                    format!("there are `event`, `data` and `topic`: is `data.{name}` or `\"{name}\"` meant?");
                wrong(part, format!("there is no variable `{name}`"), help)
            }
        }
    }

    fn attribute(&mut self, part: &IdedExpr, name: &str) -> Result<Type, Found> {
        const FIXED: [&str; 8] =
            ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "specversion"];
        if FIXED.contains(&name) || is_extension_name(name) {
            self.reads_event = true;
            return Ok(Type::Text);
        }
        let help = match name {
            "data" => "the data is `data`".to_owned(),
            "content_type" | "contentType" => "it is `event.datacontenttype`".to_owned(),
            _ => format!(
                "attributes are {}, and extensions of 1 to 20 characters `a` to `z` and `0` to `9`",
                FIXED.join(", ")
            ),
        };
        wrong(part, format!("no event can have an attribute `{name}`"), help)
    }

    fn select(&mut self, part: &IdedExpr, select: &SelectExpr) -> Result<Type, Found> {
        let found = if is_event(&select.operand) && !self.is_bound("event") {
            self.attribute(part, &select.field)?
        } else {
            self.indexed(&select.operand)?
        };
        Ok(if select.test { Type::Bool } else { found })
    }

    fn is_bound(&self, name: &str) -> bool {
        self.bound.iter().any(|(bound, _)| bound == name)
    }

    /// Something that is asked for a member.
    fn indexed(&mut self, operand: &IdedExpr) -> Result<Type, Found> {
        match self.infer(operand)? {
            Type::Any | Type::List | Type::Map => Ok(Type::Any),
            other => {
                let message = format!("`{}` is {} and has no members", printed(operand), other.words());
                wrong(operand, message, "attributes are strings; members are in `data`")
            }
        }
    }

    fn call(&mut self, part: &IdedExpr, call: &CallExpr) -> Result<Type, Found> {
        let name = call.func_name.as_str();
        match (name, call.args.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [left, right]) => {
                self.condition(name, left)?;
                self.condition(name, right)?;
                Ok(Type::Bool)
            }
            (operators::LOGICAL_NOT, [operand]) => self.condition(name, operand).map(|()| Type::Bool),
            (operators::NOT_STRICTLY_FALSE, [operand]) => self.infer(operand).map(|_| Type::Bool),
            (operators::CONDITIONAL, [condition, yes, no]) => {
                self.condition("? :", condition)?;
                let (yes, no) = (self.infer(yes)?, self.infer(no)?);
                Ok(if yes == no { yes } else { Type::Any })
            }
            (operators::EQUALS | operators::NOT_EQUALS, [left, right]) => {
                self.compare(part, name, left, right).map(|_| Type::Bool)
            }
            (
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
                [left, right],
            ) => {
                let (found, other) = self.compare(part, name, left, right)?;
                for (side, found) in [(left, found), (right, other)] {
                    if matches!(found, Type::Null | Type::List | Type::Map) {
                        let message = format!("`{}` is {} and has no order", printed(side), found.words());
                        return wrong(part, message, "numbers, strings and booleans have one");
                    }
                }
                Ok(Type::Bool)
            }
            (operators::IN, [left, right]) => self.within(part, left, right),
            (operators::INDEX, [operand, index]) if is_event(operand) && !self.is_bound("event") => {
                match literal(index) {
                    Some(name) => self.attribute(part, name),
                    None => wrong(part, "an attribute's name is a string", "as in `event[\"type\"]`"),
                }
            }
            (operators::INDEX, [operand, index]) => {
                self.infer(index)?;
                self.indexed(operand)
            }
            (operators::NEGATE, [operand]) => match self.infer(operand)? {
                found if found == Type::Any || found.is_number() => Ok(found),
                other => misfit(part, "-", operand, other),
            },
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO,
                [left, right],
            ) => self.arithmetics(part, name, left, right),
            _ => self.function(part, call),
        }
    }

    /// An operand that has to be true or false, and not the same for all events.
    fn condition(&mut self, operator: &str, operand: &IdedExpr) -> Result<(), Found> {
        let found = self.infer(operand)?;
        if !found.is_or_may_be(Type::Bool) {
            return misfit(operand, sign(operator), operand, found);
        }
        if matches!(operand.expr, Expr::Literal(_)) {
            let message =
                format!("`{}` beside `{}` is the same for every event", printed(operand), sign(operator));
            return wrong(operand, message, "leave it out");
        }
        Ok(())
    }

    fn compare(
        &mut self,
        part: &IdedExpr,
        operator: &str,
        left: &IdedExpr,
        right: &IdedExpr,
    ) -> Result<(Type, Type), Found> {
        let (found, other) = (self.infer(left)?, self.infer(right)?);
        if found.is_comparable(other) {
            return Ok((found, other));
        }
        let message = format!(
            "`{}` compares {} with {} by `{}`",
            printed(part),
            found.words(),
            other.words(),
            sign(operator)
        );
        let help = match (found, other) {
            (Type::Text, Type::Null) | (Type::Null, Type::Text) => {
                "whether an attribute is there says `has(event.subject)`"
            }
            _ => "attributes are strings: compare with a string, or convert as in `int(event.sequence) > 5`",
        };
        wrong(part, message, help)
    }

    fn within(&mut self, part: &IdedExpr, left: &IdedExpr, right: &IdedExpr) -> Result<Type, Found> {
        if is_event(right) && !self.is_bound("event") {
            return match literal(left) {
                Some(name) => self.attribute(part, name).map(|_| Type::Bool),
                None => wrong(part, "an attribute's name is a string", "as in `\"subject\" in event`"),
            };
        }
        let found = self.infer(left)?;
        if let Expr::List(list) = &right.expr {
            if list.elements.is_empty() {
                return wrong(
                    part,
                    format!("`{}`: nothing is in an empty list", printed(part)),
                    "give its elements",
                );
            }
            for element in &list.elements {
                let other = self.infer(element)?;
                if !found.is_comparable(other) {
                    let message = format!(
                        "`{}` looks for {} where `{}` is {}",
                        printed(part),
                        found.words(),
                        printed(element),
                        other.words()
                    );
                    return wrong(part, message, "attributes are strings");
                }
            }
            return Ok(Type::Bool);
        }
        match self.infer(right)? {
            Type::Any | Type::List | Type::Map => Ok(Type::Bool),
            other => {
                let message = format!("`{}` is {}: nothing is in it", printed(right), other.words());
                wrong(part, message, "parts of a string are found by `event.subject.contains(\"x\")`")
            }
        }
    }

    fn arithmetics(
        &mut self,
        part: &IdedExpr,
        operator: &str,
        left: &IdedExpr,
        right: &IdedExpr,
    ) -> Result<Type, Found> {
        let (found, other) = (self.infer(left)?, self.infer(right)?);
        let is_known = |found: Type| match operator {
            operators::ADD => found.is_number() || matches!(found, Type::Text | Type::Bytes | Type::List),
            operators::MODULO => matches!(found, Type::Int | Type::Uint),
            _ => found.is_number(),
        };
        for (side, found) in [(left, found), (right, other)] {
            if found != Type::Any && !is_known(found) {
                return misfit(part, sign(operator), side, found);
            }
        }
        match (found, other) {
            (Type::Any, known) | (known, Type::Any) => Ok(known),
            _ if found == other => Ok(found),
            _ => {
                let message = format!("`{}` mixes types", printed(part));
                wrong(part, message, "convert one, as in `double(x)`, `int(x)` or `string(x)`")
            }
        }
    }

    fn function(&mut self, part: &IdedExpr, call: &CallExpr) -> Result<Type, Found> {
        const STRINGS: [&str; 4] = ["contains", "startsWith", "endsWith", "matches"];
        let name = call.func_name.as_str();
        match (&call.target, call.args.as_slice()) {
            (Some(target), [argument]) if STRINGS.contains(&name) => {
                for part in [&**target, argument] {
                    let found = self.infer(part)?;
                    if !found.is_or_may_be(Type::Text) {
                        return misfit(part, name, part, found);
                    }
                }
                if name == "matches" {
                    check_pattern(argument)?;
                }
                Ok(Type::Bool)
            }
            (Some(operand), []) if name == "size" => self.size(part, operand),
            (None, [operand]) if name == "size" => self.size(part, operand),
            (None, [operand]) => {
                let result = match name {
                    "int" => Type::Int,
                    "uint" => Type::Uint,
                    "double" => Type::Double,
                    "string" => Type::Text,
                    _ => return unknown(part, name),
                };
                match self.infer(operand)? {
                    Type::Any | Type::Text => Ok(result),
                    found if found.is_number() => Ok(result),
                    Type::Bool if result == Type::Text => Ok(result),
                    other => misfit(part, name, operand, other),
                }
            }
            _ => unknown(part, name),
        }
    }

    fn size(&mut self, part: &IdedExpr, operand: &IdedExpr) -> Result<Type, Found> {
        match self.infer(operand)? {
            Type::Any | Type::Text | Type::Bytes | Type::List | Type::Map => Ok(Type::Int),
            other => misfit(part, "size", operand, other),
        }
    }

    fn comprehension(&mut self, part: &IdedExpr, macros: &ComprehensionExpr) -> Result<Type, Found> {
        // One runs as often as a publisher's list is long; nested ones would by its square.
        if !self.bound.is_empty() {
            return wrong(
                part,
                "`all`, `exists`, `map` and `filter` cannot be within another",
                "use one, or two joined by `&&`",
            );
        }
        if ["event", "data", "topic"].contains(&macros.iter_var.as_str()) {
            let message = format!("`{}` cannot be a variable of a macro", macros.iter_var);
            return wrong(part, message, "it has another meaning here: name it `x`");
        }
        let range = self.infer(&macros.iter_range)?;
        if !matches!(range, Type::Any | Type::List | Type::Map) {
            let message = format!("`{}` is {}, not a list", printed(&macros.iter_range), range.words());
            return wrong(&macros.iter_range, message, "lists are in `data`");
        }
        let result = self.infer(&macros.accu_init)?;
        self.bound.push((macros.iter_var.clone(), Type::Any));
        self.bound.extend(macros.iter_var2.clone().map(|name| (name, Type::Any)));
        self.bound.push((macros.accu_var.clone(), result));
        let parts = [&macros.loop_cond, &macros.loop_step, &macros.result];
        let found = parts.into_iter().try_fold(Type::Any, |_, part| self.infer(part));
        self.bound.clear();
        found
    }
}

/// A pattern is a literal: it is tried once here, and none comes from a publisher.
fn check_pattern(pattern: &IdedExpr) -> Result<(), Found> {
    let help = "as in `event.subject.matches(\"^[a-z]+$\")`";
    if literal(pattern).is_none() {
        return wrong(pattern, format!("the pattern `{}` is no string literal", printed(pattern)), help);
    }
    let empty = IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::String("".into())) };
    let call =
        CallExpr { func_name: "matches".into(), target: Some(Box::new(empty)), args: vec![pattern.clone()] };
    let trial = IdedExpr { id: 0, expr: Expr::Call(call) };
    match Value::resolve(&trial, &cel::Context::with_env(ENV.clone())) {
        Ok(_) => Ok(()),
        Err(_) => wrong(pattern, format!("{} is no regular expression", printed(pattern)), help),
    }
}

fn of_literal(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(_) => Type::Bytes,
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(_) => Type::Text,
        LiteralValue::UInt(_) => Type::Uint,
    }
}

fn misfit<T>(part: &IdedExpr, what: &str, operand: &IdedExpr, found: Type) -> Result<T, Found> {
    let message = format!("`{}` is {}, which `{what}` cannot take", printed(operand), found.words());
    wrong(part, message, "attributes and the topic are strings; `int(…)` and `double(…)` convert")
}

fn unknown<T>(part: &IdedExpr, name: &str) -> Result<T, Found> {
    let help = "there are has, size, int, uint, double, string, contains, startsWith, endsWith, matches, all, exists, \
                exists_one, map and filter";
    wrong(part, format!("there is no function `{name}` with such operands"), help)
}
