// npm's oidc-provider on a free port of 127.0.0.1, which it prints. POST /rotate takes a new key and keeps the old one
// published; POST /tokens/fail?n=N makes the next N token requests fail; GET /tokens/count tells how many there were.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

let keys = [];
let provider;
let issuer;
let count = 0;
let failing = 0;

function makeKey(alg) {
  const pair = alg === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...pair.privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: `${alg}-${Date.now()}-${keys.length}` };
}

function take() {
  keys = [makeKey('RS256'), makeKey('ES256'), ...keys];
  provider = new Provider(issuer, {
    jwks: { keys },
    clients: [
      { client_id: 'gate way', client_secret: 'a secret: +/=&%', grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: 'stock:read' },
      { client_id: 'poster', client_secret: 'posted', grant_types: ['client_credentials'], redirect_uris: [], response_types: [], token_endpoint_auth_method: 'client_secret_post', scope: 'stock:read' },
    ],
    scopes: ['stock:read'],
    ttl: { ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:shop',
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: 'stock:read',
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: resource === 'urn:shop:es' ? 'ES256' : 'RS256' } },
        }),
      },
    },
  });
}

const server = createServer((req, res) => {
  if (req.method === 'POST' && req.url === '/rotate') {
    take();
    return res.end('rotated');
  }
  if (req.url === '/tokens/count') return res.end(String(count));
  if (req.method === 'POST' && req.url.startsWith('/tokens/fail?n=')) {
    failing = Number(req.url.split('=')[1]);
    return res.end('failing');
  }
  if (req.url === '/token') {
    count++;
    if (failing > 0) {
      failing--;
      res.statusCode = 503;
      return res.end('{"error":"temporarily_unavailable"}');
    }
  }
  return provider.callback()(req, res);
});

server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  take();
  console.log(`issuer ${issuer}`);
});
process.stdin.on('end', () => process.exit(0)).resume(); // the test that started us has gone
