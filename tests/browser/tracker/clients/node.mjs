// Sends with the real @segment/analytics-node: node node.mjs HOST WRITE_KEY
import {Analytics} from '@segment/analytics-node';

const [host, writeKey] = process.argv.slice(2);
const analytics = new Analytics({writeKey, host, flushAt: 3, maxRetries: 1});
analytics.on('error', (error) => {
  console.error(error);
  process.exitCode = 1;
});
const context = {page: {url: 'https://shop.example/cart?utm_source=x', path: '/cart'}, campaign: {source: 'news'}};
analytics.identify({userId: 'u-1', anonymousId: 'a-1', traits: {plan: 'pro', städte: ['Köln']}});
analytics.page({userId: 'u-1', name: 'Cart', properties: {url: 'https://shop.example/cart'}});
analytics.track({userId: 'u-1', event: 'purchase', properties: {revenue: 49.9, currency: 'EUR', sku: 'A7'}, context});
analytics.track({anonymousId: 'a-2', event: 'looked', timestamp: new Date('2026-05-04T12:00:00.123Z')});
analytics.group({userId: 'u-1', groupId: 'g-1', traits: {name: 'Ltd'}});
await analytics.closeAndFlush();
