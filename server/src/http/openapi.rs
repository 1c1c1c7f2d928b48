//! The description of the interface, as `OpenAPI` 3.1 asks for it, made of the table of routes.

use super::answer::{JSON, answer};
use super::call::{Call, Pending};
use super::routes::{Access, Content, Operation, operations};
use super::schema::{self, Parameter, Shape};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// Answers with the description.
pub(super) fn describe(_: &mut Call) -> Pending<'_> {
    Box::pin(async { Ok(answer(StatusCode::OK, JSON, document().to_string() + "\n")) })
}

fn document() -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.name()] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "SpinelDB",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "paths": paths,
        "components": {
            "securitySchemes": { "users": { "type": "http", "scheme": "basic" } },
            "responses": {
                "problem": {
                    "description": "The request was not obeyed; the status says why for clients, the code for people.",
                    "content": { JSON: { "schema": { "$ref": "#/components/schemas/problem" } } },
                },
            },
            "schemas": schema::components(),
        },
    })
}

/// One operation.
fn described(operation: &Operation) -> Value {
    let (status, content) = operation.answer;
    let mut answered = json!({ "description": operation.about });
    if let Some(content) = described_content(content, operation.shapes.1) {
        answered["content"] = content;
    }
    let mut described = json!({
        "summary": operation.about,
        "parameters": parameters(operation),
        "responses": {
            status.to_string(): answered,
            "default": { "$ref": "#/components/responses/problem" },
        },
    });
    if operation.access == Access::Users {
        // Nobody has to say who he is where the default user needs no password.
        described["security"] = json!([{ "users": [] }, {}]);
    }
    if let Some(content) = described_content(operation.body, operation.shapes.0) {
        // No body is a value, too: an empty one.
        let is_required = operation.body != Content::Bytes;
        described["requestBody"] = json!({ "required": is_required, "content": content });
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let named = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let of_path = named
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": schema::of_path(name) }));
    let of_query = operation
        .query
        .iter()
        .map(|Parameter { name, kind, about }| {
            json!({ "name": name, "in": "query", "description": about, "schema": kind.schema() })
        });
    of_path.chain(of_query).collect()
}

fn described_content(content: Content, shape: Shape) -> Option<Value> {
    let kind = match content {
        Content::Nothing => return None,
        Content::Bytes => "application/octet-stream",
        Content::Json => JSON,
        Content::Text => "text/plain",
        Content::Events => "text/event-stream",
    };
    let schema = shape.schema();
    Some(json!({ kind: { "schema": schema } }))
}
