//! The Table API and the Aggregate API: read, create, change and delete rows of text fields.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::authenticate::Caller;
use super::state::{Instance, Operation};
use super::{Call, Media, Moment, Reply, access};

type Row = BTreeMap<String, String>;

/// Rows of a list at most, and when `sysparm_limit` asks for none in particular.
const LIMIT: usize = 10_000;

pub(super) fn reply(
    instance: &mut Instance,
    call: &Call<'_>,
    moment: &mut Moment<'_>,
    caller: Option<&Caller>,
    table: &str,
    id: Option<&str>,
) -> Result<Reply, Reply> {
    if !instance.tables.contains_key(table) {
        return Err(access::error(instance, call, 400, &format!("Invalid table {table}"), ""));
    }
    match (call.method(), id) {
        ("GET" | "HEAD", None) => list(instance, call, caller, table),
        ("GET" | "HEAD", Some(id)) => one(instance, call, caller, table, id),
        ("POST", None) => create(instance, call, moment, caller, table),
        ("PUT" | "PATCH", Some(id)) => change(instance, call, caller, table, id),
        ("DELETE", Some(id)) => delete(instance, call, caller, table, id),
        _ => Err(access::error(instance, call, 405, "Method not supported", "")),
    }
}

/// `/api/now/stats/<table>`.
pub(super) fn count(
    instance: &Instance,
    call: &Call<'_>,
    caller: Option<&Caller>,
    table: &str,
) -> Result<Reply, Reply> {
    if !instance.tables.contains_key(table) {
        return Err(access::error(instance, call, 400, &format!("Invalid table {table}"), ""));
    }
    access::table(instance, call, caller, table, Operation::Read)?;
    let rows = visible(instance, call, caller, table)?;
    let body = json!({"result": {"stats": {"count": rows.len().to_string()}}});
    Ok(Reply::new(200, Media::Json, body.to_string()))
}

fn list(instance: &Instance, call: &Call<'_>, caller: Option<&Caller>, table: &str) -> Result<Reply, Reply> {
    access::table(instance, call, caller, table, Operation::Read)?;
    let rows = visible(instance, call, caller, table)?;
    let query = call.query();
    let limit = query.get("sysparm_limit").and_then(|text| text.parse().ok()).unwrap_or(LIMIT).min(LIMIT);
    let offset = query.get("sysparm_offset").and_then(|text| text.parse().ok()).unwrap_or(0);
    let shown: Vec<Value> =
        rows.iter().skip(offset).take(limit).map(|row| shown(instance, call, caller, table, row)).collect();
    let reply = Reply::new(200, Media::Json, json!({ "result": shown }).to_string());
    Ok(reply.with("X-Total-Count", rows.len().to_string()))
}

/// The rows that the query picks and the caller may see; an error when row ACLs took every one of them (wire §3).
fn visible(instance: &Instance, call: &Call<'_>, caller: Option<&Caller>, table: &str) -> Result<Vec<Row>, Reply> {
    let conditions = conditions(call);
    let rows = instance.tables.get(table).map(|table| table.rows.clone()).unwrap_or_default();
    let known = |field: &str| rows.is_empty() || rows.iter().any(|row| row.contains_key(field));
    let readable = |field: &str| known(field) && access::field(instance, caller, table, field);
    if !conditions.iter().all(|condition| readable(&condition.field)) {
        let detail = "Field(s) present in the query do not have permission to be read";
        return Err(access::error(instance, call, 403, "Insufficient rights to query records", detail));
    }
    let picked: Vec<Row> =
        rows.into_iter().filter(|row| conditions.iter().all(|condition| condition.holds(row))).collect();
    let all = picked.len();
    let seen: Vec<Row> = picked.into_iter().filter(|row| access::row(instance, caller, table, row)).collect();
    if seen.is_empty() && all > 0 {
        return Err(access::forbidden(instance, call, &format!("{all} records constrained due to ACL restrictions")));
    }
    Ok(seen)
}

/// One condition of an encoded query: `field=value`, `field!=value`, `fieldLIKEvalue`.
struct Condition {
    field: String,
    operator: &'static str,
    value: String,
}

impl Condition {
    fn holds(&self, row: &Row) -> bool {
        let held = row.get(&self.field).map_or("", String::as_str);
        match self.operator {
            "!=" => held != self.value,
            "LIKE" => held.contains(&self.value),
            _ => held == self.value,
        }
    }
}

fn conditions(call: &Call<'_>) -> Vec<Condition> {
    let query = call.query();
    let encoded = query.get("sysparm_query").unwrap_or_default();
    let parts = encoded.split('^').filter(|part| !part.is_empty() && !part.starts_with("ORDERBY"));
    parts
        .filter_map(|part| {
            ["!=", "LIKE", "="].into_iter().find_map(|operator| {
                let (field, value) = part.split_once(operator)?;
                Some(Condition { field: field.to_owned(), operator, value: value.to_owned() })
            })
        })
        .collect()
}

/// A row as JSON: the fields asked for, without those that a field ACL hides.
fn shown(instance: &Instance, call: &Call<'_>, caller: Option<&Caller>, table: &str, row: &Row) -> Value {
    let query = call.query();
    let wanted = query.get("sysparm_fields").unwrap_or_default();
    let asked = |field: &str| wanted.is_empty() || wanted.split(',').any(|name| name.trim() == field);
    let fields = row.iter().filter(|(field, _)| asked(field) && access::field(instance, caller, table, field));
    Value::Object(fields.map(|(field, value)| (field.clone(), Value::from(value.as_str()))).collect())
}

/// Absent and hidden are one answer (wire §3).
fn not_found(instance: &Instance, call: &Call<'_>) -> Reply {
    let detail = "Record doesn't exist or ACL restricts the record retrieval";
    access::error(instance, call, 404, "No Record found", detail)
}

fn find(instance: &Instance, call: &Call<'_>, caller: Option<&Caller>, table: &str, id: &str) -> Result<Row, Reply> {
    let rows = instance.tables.get(table).map(|table| table.rows.as_slice()).unwrap_or_default();
    let row = rows.iter().find(|row| row.get("sys_id").is_some_and(|held| held == id));
    row.filter(|row| access::row(instance, caller, table, row)).cloned().ok_or_else(|| not_found(instance, call))
}

fn one(instance: &Instance, call: &Call<'_>, caller: Option<&Caller>, table: &str, id: &str) -> Result<Reply, Reply> {
    access::table(instance, call, caller, table, Operation::Read)?;
    let row = find(instance, call, caller, table, id)?;
    let body = json!({ "result": shown(instance, call, caller, table, &row) });
    Ok(Reply::new(200, Media::Json, body.to_string()))
}

fn create(
    instance: &mut Instance,
    call: &Call<'_>,
    moment: &mut Moment<'_>,
    caller: Option<&Caller>,
    table: &str,
) -> Result<Reply, Reply> {
    access::table(instance, call, caller, table, Operation::Create)?;
    let mut row = sent(instance, call)?;
    access::write_rules(instance, call, table, &row)?;
    let id = moment.hex(32);
    row.insert(String::from("sys_id"), id.clone());
    let body = json!({ "result": shown(instance, call, caller, table, &row) });
    if let Some(table) = instance.tables.get_mut(table).filter(|table| table.rows.len() < LIMIT) {
        table.rows.push(row);
    }
    let location = format!("https://{}/api/now/table/{table}/{id}", instance.host);
    Ok(Reply::new(201, Media::Json, body.to_string()).with("Location", location))
}

/// Fields that the table does not have are ignored without a word (field notes, part 2, 3).
fn change(
    instance: &mut Instance,
    call: &Call<'_>,
    caller: Option<&Caller>,
    table: &str,
    id: &str,
) -> Result<Reply, Reply> {
    access::table(instance, call, caller, table, Operation::Write)?;
    let mut row = find(instance, call, caller, table, id)?;
    let sent = sent(instance, call)?;
    row.iter_mut().for_each(|(field, value)| {
        if let Some(new) = sent.get(field).filter(|_| field != "sys_id") {
            value.clone_from(new);
        }
    });
    access::write_rules(instance, call, table, &row)?;
    if table == "sys_user" && sent.contains_key("user_password") {
        store_password_literally(instance, id);
    }
    let body = json!({ "result": shown(instance, call, caller, table, &row) });
    let rows = instance.tables.get_mut(table).map(|table| table.rows.iter_mut()).into_iter().flatten();
    rows.filter(|held| held.get("sys_id").is_some_and(|held| held == id)).for_each(|held| *held = row.clone());
    Ok(Reply::new(200, Media::Json, body.to_string()))
}

/// A password written through the Table API is stored as it is, and never matches again (field notes, part 2, 13).
fn store_password_literally(instance: &mut Instance, id: &str) {
    if let Some(user) = instance.users.iter_mut().find(|user| user.sys_id == id) {
        user.password = None;
    }
}

fn delete(
    instance: &mut Instance,
    call: &Call<'_>,
    caller: Option<&Caller>,
    table: &str,
    id: &str,
) -> Result<Reply, Reply> {
    access::table(instance, call, caller, table, Operation::Delete)?;
    find(instance, call, caller, table, id)?;
    if let Some(table) = instance.tables.get_mut(table) {
        table.rows.retain(|row| row.get("sys_id").is_none_or(|held| held != id));
    }
    Ok(Reply::new(204, Media::None, ""))
}

/// The row that a body sends: a JSON object of text fields. The words of the error are assumed.
fn sent(instance: &Instance, call: &Call<'_>) -> Result<Row, Reply> {
    let object = serde_json::from_slice::<serde_json::Map<String, Value>>(&call.request.body.bytes);
    let Ok(object) = object else {
        return Err(access::error(
            instance,
            call,
            400,
            "Exception while reading request",
            "The payload is not valid JSON.",
        ));
    };
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(object.into_iter().map(|(field, value)| (field, text(value))).collect())
}
