//! Which attributes an event must have, with which values, for an expression to hold.

use cel::{
    IdedExpr,
    common::ast::{Expr, LiteralValue, operators},
};

/// The attribute has one of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    pub attribute: String,
    pub values: Vec<String>,
}

/// Those of the parts that are joined by `&&`.
pub(super) fn requires(expression: &IdedExpr) -> Vec<Requirement> {
    let mut found = Vec::new();
    collect(expression, &mut found);
    found
}

fn collect(expression: &IdedExpr, found: &mut Vec<Requirement>) {
    let Expr::Call(call) = &expression.expr else { return };
    let [left, right] = call.args.as_slice() else { return };
    match call.func_name.as_str() {
        operators::LOGICAL_AND => {
            collect(left, found);
            collect(right, found);
        }
        operators::EQUALS => {
            let either = attribute(left).zip(literal(right)).or_else(|| attribute(right).zip(literal(left)));
            found.extend(either.map(|(attribute, value)| requirement(attribute, vec![value])));
        }
        operators::IN => {
            let Expr::List(list) = &right.expr else { return };
            let values: Option<Vec<_>> = list.elements.iter().map(literal).collect();
            found.extend(
                attribute(left).zip(values).map(|(attribute, values)| requirement(attribute, values)),
            );
        }
        _ => {}
    }
}

fn requirement(attribute: &str, values: Vec<&str>) -> Requirement {
    Requirement { attribute: attribute.to_owned(), values: values.into_iter().map(str::to_owned).collect() }
}

/// The attribute's name, if it is `event.NAME` or `event["NAME"]`.
pub(super) fn attribute(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Select(select) if !select.test && is_event(&select.operand) => Some(&select.field),
        Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
            [event, name] if is_event(event) => literal(name),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn is_event(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Ident(name) if name == "event")
}

pub(super) fn literal(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}
