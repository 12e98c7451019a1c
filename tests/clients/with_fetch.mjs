// Node's built-in fetch: one healthy call, one whose token still has its quotes.
const { HOST, CLIENT_ID, CLIENT_SECRET } = process.env;
const form = new URLSearchParams({ grant_type: "client_credentials", client_id: CLIENT_ID, client_secret: CLIENT_SECRET });
const answer = await fetch(`https://${HOST}/oauth_token.do`, { method: "POST", body: form });
const { access_token: token } = await answer.json();

async function incident(value) {
  const url = `https://${HOST}/api/now/table/incident?sysparm_limit=1`;
  const answer = await fetch(url, { headers: { Authorization: `Bearer ${value}` } });
  await answer.arrayBuffer();
  return answer.status;
}

const [good, bad] = [await incident(token), await incident(JSON.stringify(token))];
console.log(`healthy ${good}, failing ${bad}`);
process.exitCode = good === 200 && bad === 401 ? 0 : 1;
