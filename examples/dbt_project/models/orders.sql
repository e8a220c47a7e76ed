{{ config(materialized='external', location=env_var('WORK') ~ '/orders.parquet') }}
select id, amount from read_csv('{{ env_var("WORK") }}/orders.csv')
