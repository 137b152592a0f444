// kafkajs: the protocol in JavaScript. Its consumer works only in a group, so it does not consume here. Requests and answers: ../README.md.
const fs = require('fs')
const readline = require('readline')
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require('kafkajs')
const Snappy = require('kafkajs-snappy')
const lz4 = require('lz4js')
const zstd = require('@bokuweb/zstd-wasm')

// kafkajs brings gzip alone; the usual codecs for lz4 and zstd want a C++ compiler and an old Node, these do not
CompressionCodecs[CompressionTypes.Snappy] = Snappy
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async encoder => Buffer.from(lz4.compress(encoder.buffer)),
  decompress: async buffer => Buffer.from(lz4.decompress(buffer)),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => Buffer.from(zstd.compress(encoder.buffer, 3)),
  decompress: async buffer => Buffer.from(zstd.decompress(buffer)),
})
const TYPES = { none: 'None', gzip: 'GZIP', snappy: 'Snappy', lz4: 'LZ4', zstd: 'ZSTD' }

const kafka = new Kafka({ clientId: 'kafkajs', brokers: process.argv[2].split(','), logLevel: logLevel.ERROR })
const bytes = text => (text === null ? null : Buffer.from(text, 'base64'))

async function administer(work) {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

const handlers = {
  create: ({ topic, partitions }) =>
    administer(async admin => {
      if (!(await admin.createTopics({ topics: [{ topic, numPartitions: partitions }] }))) throw new Error('not created')
      return { partitions: (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length }
    }),
  delete: ({ topic }) => administer(async admin => (await admin.deleteTopics({ topics: [topic] }), {})),
  offsets: ({ topic, time }) =>
    administer(async admin => {
      const told = time === undefined ? await admin.fetchTopicOffsets(topic) : await admin.fetchTopicOffsetsByTimestamp(topic, time)
      return { offsets: Object.fromEntries(told.map(one => [one.partition, Number(one.offset)])) }
    }),
  consume: async () => ({ unsupported: 'kafkajs consumes only as a member of a group' }),
  pour: async ({ topic, name, count, to }) => {
    const partitions = await administer(async admin => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length)
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, retry: { retries: 1000, maxRetryTime: 1000 } })
    const acks = fs.createWriteStream(to)
    await producer.connect()
    let acked = 0
    try {
      while (acked < count) {
        const messages = []
        for (let number = acked; number < count && messages.length < 200; number++)
          messages.push({ key: `${name}-${number % 1000}`, value: `${name} ${number} ` + '값'.repeat(number % 60), partition: (number % 1000) % partitions })
        const told = await producer.send({ topic, acks: -1, messages })
        const next = Object.fromEntries(told.map(one => [one.partition, Number(one.baseOffset)]))
        for (const one of messages) acks.write(`${one.partition} ${next[one.partition]++} ${acked++}\n`)
      }
    } finally {
      await producer.disconnect()
    }
    await new Promise(done => acks.end(done))
    return { acked }
  },
  produce: async ({ topic, codec, idempotent, records }) => {
    const producer = kafka.producer({ idempotent, maxInFlightRequests: 1 })
    await producer.connect()
    try {
      const told = []
      for (let at = 0; at < records.length; at += 100) {
        const messages = records.slice(at, at + 100).map(one => {
          const headers = {}
          for (const [name, value] of one.headers) {
            const data = value === null ? null : bytes(value)
            headers[name] = name in headers ? [].concat(headers[name], [data]) : data
          }
          const message = { key: bytes(one.key), value: bytes(one.value), timestamp: String(one.timestamp), headers }
          if (one.partition !== null) message.partition = one.partition
          return message
        })
        told.push([messages, await producer.send({ topic, acks: -1, compression: CompressionTypes[TYPES[codec]], messages })])
      }
      // of a request it tells the first offset of each partition
      const offsets = []
      for (const [messages, answer] of told) {
        const next = Object.fromEntries(answer.map(one => [one.partition, Number(one.baseOffset)]))
        for (const one of messages) offsets.push([one.partition, next[one.partition]++])
      }
      return { offsets }
    } finally {
      await producer.disconnect()
    }
  },
}

async function main() {
  await zstd.init()
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    let answer
    try {
      answer = await handlers[request.do](request)
    } catch (e) {
      answer = { error: String(e.stack) }
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
  process.exit(0)
}
main()
