//! A part of an expression in words again, for messages.

use cel::{
    IdedExpr,
    common::ast::{CallExpr, Expr, LiteralValue, operators},
};

/// Short, in the notation of the expression; what macros have made of it is not shown.
pub(super) fn printed(expression: &IdedExpr) -> String {
    let mut text = String::new();
    print(expression, &mut text);
    match text.char_indices().nth(80) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn print(expression: &IdedExpr, text: &mut String) {
    // A message needs no more, and a deep expression costs no more.
    if text.len() > 400 {
        return;
    }
    match &expression.expr {
        Expr::Ident(name) => text.push_str(name),
        Expr::Select(select) if select.test => {
            text.push_str("has(");
            print(&select.operand, text);
            text.push('.');
            text.push_str(&select.field);
            text.push(')');
        }
        Expr::Select(select) => {
            print(&select.operand, text);
            text.push('.');
            text.push_str(&select.field);
        }
        Expr::Literal(literal) => text.push_str(&value(literal)),
        Expr::List(list) => within('[', &list.elements, ']', text),
        Expr::Call(call) => print_call(call, text),
        _ => text.push('…'),
    }
}

fn print_call(call: &CallExpr, text: &mut String) {
    let name = call.func_name.as_str();
    match (name, call.args.as_slice()) {
        (operators::INDEX, [value, index]) => {
            print(value, text);
            within('[', std::slice::from_ref(index), ']', text);
        }
        (operators::CONDITIONAL, [condition, yes, no]) => {
            print(condition, text);
            text.push_str(" ? ");
            print(yes, text);
            text.push_str(" : ");
            print(no, text);
        }
        (operators::LOGICAL_NOT | operators::NEGATE, [operand]) => {
            text.push_str(name.trim_end_matches('_'));
            print(operand, text);
        }
        (_, [left, right]) if call.target.is_none() && is_operator(name) => {
            print(left, text);
            text.push(' ');
            text.push_str(sign(name));
            text.push(' ');
            print(right, text);
        }
        (_, args) => {
            if let Some(target) = &call.target {
                print(target, text);
                text.push('.');
            }
            text.push_str(name);
            within('(', args, ')', text);
        }
    }
}

fn within(open: char, parts: &[IdedExpr], close: char, text: &mut String) {
    text.push(open);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        print(part, text);
    }
    text.push(close);
}

fn is_operator(name: &str) -> bool {
    name == operators::IN || (name.starts_with('_') && name.ends_with('_'))
}

/// As it is written: `_==_` is `==`.
pub(super) fn sign(operator: &str) -> &str {
    if operator == operators::IN { "in" } else { operator.trim_matches('_') }
}

fn value(literal: &LiteralValue) -> String {
    match literal {
        LiteralValue::Boolean(value) => value.inner().to_string(),
        LiteralValue::Bytes(_) => "b\"…\"".into(),
        LiteralValue::Double(value) => format!("{:?}", value.inner()),
        LiteralValue::Int(value) => value.inner().to_string(),
        LiteralValue::Null => "null".into(),
        LiteralValue::String(text) => format!("{:?}", text.inner()),
        LiteralValue::UInt(value) => format!("{}u", value.inner()),
    }
}
