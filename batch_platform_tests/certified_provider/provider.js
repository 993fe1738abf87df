// A certified OIDC provider for tests: prints its issuer when it is up.
//
// argv: the client as JSON (OpenID Connect Registration), with what its access tokens for `resource` say in `claims`.
// PUT /accounts/NAME with JSON sets what UserInfo says of a person, DELETE removes the person.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { resource, claims, ...client } = JSON.parse(process.argv[2]);
const accounts = new Map();
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const other = generateKeyPairSync('ed25519').privateKey;
const key = (made, alg) => ({ ...made.export({ format: 'jwk' }), alg, kid: alg, use: 'sig' });

const configuration = {
  clients: [client],
  jwks: { keys: [key(other, 'Ed25519'), key(privateKey, 'ES256')] },
  cookies: { keys: ['a key of the tests'] },
  claims: { openid: ['sub'], profile: ['name'], groups: ['groups'] },
  scopes: ['openid', 'offline_access'],
  findAccount: (_context, id) =>
    accounts.has(id) ? { accountId: id, claims: () => ({ sub: id, ...accounts.get(id) }) } : undefined,
  enabledJWA: { idTokenSigningAlgValues: ['ES256', 'Ed25519'] },
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  // whoever signs in has agreed
  async loadExistingGrant(context) {
    const grant = new context.oidc.provider.Grant({
      clientId: context.oidc.client.clientId,
      accountId: context.oidc.session.accountId,
    });
    grant.addOIDCScope('openid profile groups offline_access');
    await grant.save();
    return grant;
  },
  extraTokenClaims: () => claims,
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: '', audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } },
      }),
    },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource(context, form) {
        context.body = page(`${form}<button form="op.logoutForm" name="logout" value="yes">Sign me out</button>`);
      },
      postLogoutSuccessSource(context) {
        context.body = page('<p>Signed out of everything</p>');
      },
    },
  },
  // the client is on this machine, which the provider's own fetch refuses to call
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
};

const page = (content) => `<!DOCTYPE html><html lang="en"><title>Provider</title><link rel="icon" href="data:,">${content}`;
const signIn = page(`<form method="post"><label>Name <input name="login"></label><button>Sign in there</button></form>`);

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function answer(request, response) {
  const [, folder, name] = request.url.split('/');
  if (folder === 'accounts') {
    if (request.method === 'PUT') accounts.set(name, JSON.parse(await read(request)));
    else accounts.delete(name);
    response.end();
    return;
  }
  if (folder !== 'interaction') {
    handle(request, response);
    return;
  }
  const { prompt } = await provider.interactionDetails(request, response);
  if (prompt.name === 'consent') {
    await provider.interactionFinished(request, response, { consent: {} });
  } else if (request.method === 'POST') {
    const login = { accountId: new URLSearchParams(await read(request)).get('login') };
    await provider.interactionFinished(request, response, { login });
  } else {
    response.setHeader('content-type', 'text/html');
    response.end(signIn);
  }
}

let provider;
let handle;
const server = createServer(answer);
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  provider = new Provider(issuer, configuration);
  handle = provider.callback();
  process.stdout.write(`${issuer}\n`);
});
